"""Many models read at once: which process reads which, so that the scorer finds everything in the cache afterwards.

It owns the processes and which of them does what. It returns no numbers: they lie in the cache. References and maps
are begun first: they take as long as dozens of models, and wait for none.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing.sharedctypes import Synchronized

import torch

from benchmark.scoring.compute import Device
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.reading.device import configure, processes_that_fit, use_gpu
from benchmark.scoring.reading.floor_reader import read_floors_of
from benchmark.scoring.reading.maps import draw_maps
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.reading.references import reference_lines
from benchmark.scoring.scoring_job import RunToScore, ScoringJob, TaskToScore

logger = logging.getLogger(__name__)

BYTES_WORTH_A_PROCESS = 10**6
"""Starting another interpreter costs about as much as reading so much, models times data: 8 models of digits."""

Runs = tuple[RunToScore, ...]
Open = Callable[[], TaskReader]
"""Makes the reader of a task in whichever process it is called."""


def reader_of(job: ScoringJob, task: TaskToScore) -> TaskReader:
    """Open the reader of a task."""
    return TaskReader(job.spec, task, job.cache, job.compute)


def fill_cache(job: ScoringJob) -> None:
    """Read all models that no cache knows, in several processes where there is enough to do."""
    if job.workers < 2 or sum(_bytes(task, task.runs) for task in job.tasks) < BYTES_WORTH_A_PROCESS * job.workers:
        return
    unknown = {task.name: _unknown(reader_of(job, task)) for task in job.tasks}
    busy = [task for task in job.tasks if _bytes(task, unknown[task.name]) >= BYTES_WORTH_A_PROCESS]
    if not busy:
        return
    workers = _processes(job, busy)
    work: list[Callable[[], None]] = []
    for step in (_read_references, _draw_maps):
        work += [partial(step, partial(reader_of, job, task)) for task in busy]
    seeds = range(job.spec.population.models)
    work += [partial(_read_floor, partial(reader_of, job, task), seed) for task in busy for seed in seeds]
    for task in busy:
        work += [partial(_read, partial(reader_of, job, task), runs) for runs in deal(unknown[task.name], workers)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, start_reading, (job.device, spawn.Value("i", 0))) as pool:
        try:
            for future in [pool.submit(each) for each in work]:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # begin nothing more once something is wrong
            raise


def deal(runs: Runs, workers: int) -> list[Runs]:
    """Cut runs into `workers` parts of about the same size, ordered by seed, so that each needs few dense models."""
    ordered = tuple(sorted(runs, key=lambda run: run.seed))
    ends = [len(ordered) * part // workers for part in range(workers + 1)]
    return [ordered[start:end] for start, end in itertools.pairwise(ends) if end > start]


def start_reading(device: Device = "cpu", started: Synchronized[int] | None = None) -> None:
    """Prepare a process of a pool: one thread, the mode of its device, and an end when the scorer ends.

    Without that end it would wait for work for ever.

    Args:
        device: where it reads.
        started: counts the processes of the pool, which take the GPUs of this machine in turn.
    """
    torch.set_num_threads(1)
    configure(device)
    if device == "cuda" and started is not None:
        with started.get_lock():
            number, started.value = started.value, started.value + 1
        use_gpu(number)
    scorer = multiprocessing.parent_process()
    assert scorer is not None
    threading.Thread(target=lambda: (scorer.join(), os._exit(1)), daemon=True).start()


def _bytes(task: TaskToScore, runs: Sequence[RunToScore]) -> int:
    """Return how many bytes there are to read: every run reads all images once."""
    return len(runs) * (task.train_file.stat().st_size + task.test_file.stat().st_size) if runs else 0


def _unknown(reader: TaskReader) -> Runs:
    return tuple(run for run in reader.task.runs if not reader.knows(run))


def _processes(job: ScoringJob, tasks: Sequence[TaskToScore]) -> int:
    if job.device == "cpu":  # where each needs memory for a data set, and the dense models of its own seeds
        return min(job.workers, max(len({run.seed for run in task.runs}) for task in tasks))
    # Images have more numbers than whatever an encoder makes of them, a byte each.
    largest = max(task.train_file.stat().st_size for task in tasks)
    return processes_that_fit(job.compute, job.workers, largest)


def _read(open_reader: Open, runs: Runs) -> None:
    reader = open_reader()
    for run in runs:
        try:
            reader.read(run)
            reader.layers(run)
        except InvalidOutput as error:
            logger.debug("%s, seed %d: left to the scorer, which reports it: %s", run.schedule, run.seed, error)


def _read_references(open_reader: Open) -> None:
    reference_lines(open_reader())


def _read_floor(open_reader: Open, seed: int) -> None:
    read_floors_of(open_reader(), seed)


def _draw_maps(open_reader: Open) -> None:
    reader = open_reader()
    draw_maps(reader.spec, reader)
