"""Small parquet holds every value of a table. That it is small is shown where outcomes are packed."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.files.small_parquet import MAX_WORDS, write_small

N = 40_000


def _table(different: int) -> pa.Table:
    rng = np.random.default_rng(0)
    value = rng.normal(size=different).astype(np.float32)
    value[0], value[1] = np.nan, -0.0
    return pa.table({
        "name": pa.array(["early"] * N).dictionary_encode(),
        "example": np.tile(np.arange(N // 20, dtype=np.int32), 20),
        "label": rng.integers(10, size=N).astype(np.int16),
        "value": value[rng.integers(different, size=N)],
    })  # fmt: skip


@pytest.mark.parametrize("different", [3, MAX_WORDS - 1, MAX_WORDS + 1, N])
def test_no_value_no_type_and_no_order_changes_however_often_values_repeat(different: int) -> None:
    table, file = _table(different), io.BytesIO()
    write_small(table, file, counted=("example", "not there"))
    again = pq.read_table(io.BytesIO(file.getvalue()))
    assert again.schema.equals(table.schema)
    assert again.drop_columns(["value"]).combine_chunks().equals(table.drop_columns(["value"]).combine_chunks())
    bits = [each["value"].to_numpy().view(np.uint32) for each in (table, again)]
    assert np.array_equal(*bits)


def test_a_table_without_columns_or_rows_is_written_too() -> None:
    for table in (pa.table({}), _table(3).slice(0, 0)):
        file = io.BytesIO()
        write_small(table, file, counted=("example",))
        assert pq.read_table(io.BytesIO(file.getvalue())).schema.equals(table.schema)
