"""Outcomes packed for a repository: no value changes, and columns that are too large to ship can be left out.

It owns what can be left out of outcomes. It computes no number and knows no record.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.files.small_parquet import write_small
from benchmark.scoring.metric_names import PROBE_PREDICTION
from benchmark.scoring.scoring_job import COUNTED

KEPT_ALWAYS = ("task", "schedule", "sparsity", "seed", "example", "label", PROBE_PREDICTION)
"""Columns without which nothing can be computed again."""


def packed(outcomes: bytes, without: Sequence[str] = ()) -> bytes:
    """Write outcomes anew: the same rows, the same values, fewer bytes.

    Args:
        outcomes: a parquet file as a scorer writes it.
        without: names of columns to leave out.

    Returns:
        A parquet file.

    Raises:
        ValueError: there is no such column, or nothing could be computed again without it.
        pa.ArrowException: it is no parquet file.
    """
    table = pq.read_table(pa.BufferReader(outcomes))
    for name in without:
        if name not in table.column_names or name in KEPT_ALWAYS:
            can_go = ", ".join(each for each in table.column_names if each not in KEPT_ALWAYS)
            raise ValueError(f"expected a column of the outcomes that can be left out ({can_go}), got {name}")
    table = table.drop_columns(list(without))
    file = io.BytesIO()
    write_small(table, file, counted=(COUNTED,))
    return file.getvalue()
