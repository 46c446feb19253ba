"""Packed outcomes hold what the scorer wrote, value by value, in fewer bytes."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.evaluation.packed_outcomes import packed

NUM_RUNS, NUM_IMAGES = 30, 2000


def _outcomes() -> bytes:
    """As a scorer writes them: models that predict nearly alike, and scores that never repeat."""
    rng = np.random.default_rng(0)
    label_N = rng.integers(10, size=NUM_IMAGES).astype(np.int16)
    predicted_N = rng.integers(10, size=NUM_IMAGES).astype(np.uint8)
    predicted = [np.where(rng.random(NUM_IMAGES) < 0.05, 3, predicted_N).astype(np.uint8) for _ in range(NUM_RUNS)]
    score = rng.normal(size=NUM_RUNS * NUM_IMAGES).astype(np.float32)
    score[7] = np.nan
    table = pa.table({
        "task": pa.array(["digits"] * NUM_RUNS * NUM_IMAGES).dictionary_encode(),
        "schedule": pa.array(["late"] * NUM_RUNS * NUM_IMAGES).dictionary_encode(),
        "sparsity": np.full(NUM_RUNS * NUM_IMAGES, 0.9),
        "seed": np.repeat(np.arange(NUM_RUNS, dtype=np.int16), NUM_IMAGES),
        "example": np.tile(np.arange(NUM_IMAGES, dtype=np.int32), NUM_RUNS),
        "label": np.tile(label_N, NUM_RUNS),
        "linear/prediction": np.concatenate(predicted),
        "linear/confidence": score,
    })  # fmt: skip
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", compression_level=9)
    return file.getvalue()


def test_packing_changes_no_value_no_type_and_no_order_and_takes_less_room() -> None:
    outcomes = _outcomes()
    before, small = pq.read_table(io.BytesIO(outcomes)), packed(outcomes)
    after = pq.read_table(io.BytesIO(small))
    assert after.schema.equals(before.schema)
    for name in before.column_names:
        assert after[name].combine_chunks().equals(before[name].combine_chunks()) or name == "linear/confidence"
    bits = [table["linear/confidence"].to_numpy().view(np.uint32) for table in (before, after)]
    assert np.array_equal(*bits)
    assert len(small) < len(outcomes)


def test_only_the_columns_that_were_asked_for_are_left_out() -> None:
    outcomes = _outcomes()
    names = pq.read_table(io.BytesIO(packed(outcomes, ["linear/confidence"]))).column_names
    assert names == [name for name in pq.read_table(io.BytesIO(outcomes)).column_names if name != "linear/confidence"]


@pytest.mark.parametrize("name", ["linear/prediction", "label", "seed", "nothing"])
def test_a_column_without_which_nothing_is_computed_again_cannot_be_left_out(name: str) -> None:
    with pytest.raises(ValueError, match=r"can be left out \(linear/confidence\)"):
        packed(_outcomes(), [name])
