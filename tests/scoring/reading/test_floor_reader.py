"""Floors: untrained encoders are pruned as asked, read once per specification, and written to be checked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmark.encoder import prunable_names
from benchmark.scoring.areas import areas_by_run
from benchmark.scoring.floors import UNPRUNED, Pruning, floors_from_areas, floors_table, prunings
from benchmark.scoring.reading import floor_reader
from benchmark.scoring.reading.floor_reader import correct_of, floors_by_cell, read_floors
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.reading.worker_pool import reader_of
from benchmark.spec import BenchmarkSpec
from tests.conftest import Evaluated
from tests.executors.warm import request, scoring_job


@pytest.fixture
def reader(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path) -> TaskReader:
    job = scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)
    return reader_of(job, job.tasks[0])


def test_the_dense_floor_is_the_reference_of_untrained_encoders(reader: TaskReader, evaluated: Evaluated) -> None:
    recorded = {line.name: line.accuracy for line in evaluated.record.references}["untrained"]
    found = [correct_of(reader, seed).mean() for seed in range(reader.spec.population.models)]
    assert sum(found) / len(found) == pytest.approx(recorded.value)
    assert evaluated.record.floor is not None
    assert evaluated.record.floor[reader.task.name] == recorded


@pytest.mark.parametrize("criterion", ["magnitude", "random"])
@pytest.mark.parametrize("allocation", ["global", "layerwise"])
def test_untrained_encoders_are_pruned_to_exact_counts(reader: TaskReader, criterion: str, allocation: str) -> None:
    encoder = reader.encoder(0)
    floor_reader._prune(encoder, 0, Pruning(criterion, allocation, Decimal("0.9")))  # pyright: ignore[reportPrivateUsage]
    weights = [encoder.get_parameter(name) for name in prunable_names(encoder)]
    counts = [int((weight == 0).sum()) for weight in weights]
    if allocation == "global":
        assert sum(counts) == round(0.9 * sum(weight.numel() for weight in weights))
    else:
        assert counts == [int(0.9 * weight.numel() + 0.5) for weight in weights]


def test_a_second_submission_pays_nothing(reader: TaskReader, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_floors(reader)
    monkeypatch.setattr(floor_reader, "fit_linear_probe", None)
    after = read_floors(reader)
    assert before.keys() == after.keys() == set(prunings(reader.spec).values())
    assert all((before[each][0] == after[each][0]).all() for each in before)


def test_floors_are_read_back_from_the_areas_beside_a_record(reader: TaskReader, tmp_path: Path) -> None:
    found = read_floors(reader)
    path = tmp_path / "areas.parquet"
    pq.write_table(floors_table(reader.task.name, reader.task.num_classes, found), path)
    again = floors_from_areas(reader.spec, reader.task.name, areas_by_run(pq.read_table(path)))
    expected = floors_by_cell(reader, found)
    assert again.keys() == expected.keys()
    for cell, by_seed in expected.items():
        assert all((again[cell][seed] == correct_N).all() for seed, correct_N in by_seed.items())
    assert UNPRUNED in found
