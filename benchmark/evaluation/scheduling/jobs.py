"""From a plan to jobs: what is not in the store yet, and the files a trainer needs for it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from benchmark.admission.gate import Admitted
from benchmark.evaluation.scheduling.state_sizes import FileSizes, expected_sizes
from benchmark.executors.base import PreparedJob
from benchmark.plan import Plan, Segment, Subtree
from benchmark.plan.tree import segments_left
from benchmark.recording.isolation import Isolation, weakest
from benchmark.spec import Task
from benchmark.store.collector import names_to_collect
from benchmark.store.dataset_files import TaskData
from benchmark.store.layout import Home
from benchmark.store.origin import UNKNOWN, JobOrigin, write_job_origin
from benchmark.store.sizes import StateSizes
from benchmark.store.state_store import Store
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE
from benchmark.training.training_job import TrainingJob

CHECKPOINTS_PER_RUN = 20
"""Positions in a run where a state inside a segment may be saved."""

CHECKPOINT_EVERY_S = 30.0
"""Seconds of training after which such a state is saved: the most work that a crash can lose."""


def missing_segments(subtree: Subtree, store: Store, interval: int, at_least: Isolation = "none") -> list[Segment]:
    """List what has to be trained so that every run of a seed ends in a stored state, parents first.

    The states from which a run's mask is derived are part of what is asked for, for the scorer derives it again.

    Args:
        subtree: the seed's tree.
        store: where states are.
        interval: steps between the positions where checkpoints may be taken.
        at_least: isolation of the executor. A state that was made with less counts as missing.
    """

    def is_there(key: str, resumable: bool) -> bool:
        return store.has(key, resumable=resumable, at_least=at_least)

    return segments_left(subtree.segments, subtree.root, interval, _states_read(subtree), is_there)


def is_anything_missing(subtree: Subtree, store: Store, at_least: Isolation) -> bool:
    """Return whether `missing_segments` lists anything, at the positions where jobs take checkpoints."""
    return bool(missing_segments(subtree, store, checkpoint_interval(subtree.total_steps), at_least))


def updates_missing(subtree: Subtree, store: Store, at_least: Isolation) -> int:
    """Count the updates of what `missing_segments` lists, at the same positions."""
    missing = missing_segments(subtree, store, checkpoint_interval(subtree.total_steps), at_least)
    return sum(segment.num_steps for segment in missing)


def _states_read(subtree: Subtree) -> Iterator[str]:
    """Yield the keys of the states in which runs end, and of those from which their masks are derived."""
    by_key = {segment.key: segment for segment in subtree.segments}
    for segment in subtree.segments:
        if segment.is_leaf:
            yield segment.key
            step, above = segment, segment.parent
            while above is not None:
                if step.is_derivable:
                    yield above
                step, above = by_key[above], by_key[above].parent


def checkpoint_interval(total_steps: int) -> int:
    """Steps between the positions where checkpoints may be taken."""
    return max(1, total_steps // CHECKPOINTS_PER_RUN)


def prepare_jobs(
    home: Home, store: Store, plan: Plan, tasks: Sequence[Task], data: Mapping[str, TaskData], admitted: Admitted,
    device: Literal["cpu", "cuda"], sharing: int = 1, made_by: JobOrigin = UNKNOWN,
) -> list[PreparedJob]:  # fmt: skip
    """Write one job per seed that has something left to train.

    Args:
        home: where jobs and logs are kept.
        store: where states are.
        plan: what to train.
        tasks: of the specification.
        data: images by task.
        admitted: the submission.
        device: on what to train.
        sharing: number of jobs that run on one device at a time.
        made_by: name and isolation of the executor that will run the jobs.
    """
    jobs: list[PreparedJob] = []
    sizes: dict[str, FileSizes] = {}  # by task
    manifest = admitted.manifest
    with_labels = manifest.supervision == "labels"
    for subtree in plan.subtrees:
        task = tasks[subtree.task_index]
        finetune = task.training.finetune
        interval = checkpoint_interval(subtree.total_steps)
        segments = missing_segments(subtree, store, interval, made_by.isolation)
        if not segments:
            continue
        task_data = data[subtree.task]
        job = TrainingJob(
            root=subtree.root, seed=subtree.seed, encoder=task.encoder, dataset=task.dataset.name,
            flip=task.dataset.flip, num_classes=task_data.dataset.num_classes if with_labels else None,
            batch_size=task.training.batch_size, total_steps=subtree.budget_steps, precision=task.training.precision,
            finetune_rate=finetune.learning_rate if finetune else None,
            hyperparameters=manifest.resolved(task_data.dataset.name), capturable=manifest.capturable, device=device,
            sharing=sharing, is_compiled=subtree.is_compiled,
            segments=tuple(segments), checkpoint_interval=interval, checkpoint_every_s=CHECKPOINT_EVERY_S,
        )  # fmt: skip
        if subtree.task not in sizes:
            sizes[subtree.task] = expected_sizes(task.encoder, task_data.dataset.facts.image_shape[0])
        images = task_data.labelled if with_labels else task_data.unlabelled
        origin = _with_sizes(made_by, job, sizes[subtree.task])
        jobs.append(_write_job(home, store, job, admitted.directory, images, origin))
    return jobs


def _with_sizes(made_by: JobOrigin, job: TrainingJob, files: FileSizes) -> JobOrigin:
    sizes = StateSizes(encoder=files.encoder, mask=files.mask, num_states=len(names_to_collect(job)))
    return made_by.model_copy(update={"sizes": sizes})


def _write_job(
    home: Home, store: Store, job: TrainingJob, submission: Path, data: Path, made_by: JobOrigin
) -> PreparedJob:
    folder = home.jobs / f"{job.root[:12]}-{uuid.uuid4().hex[:8]}"
    parents, outbox = folder / "parents", folder / "outbox"
    parents.mkdir(parents=True)
    outbox.mkdir()
    continued = _stored_parents(job)
    for parent in continued:
        (parents / parent).mkdir()
        for name in (ENCODER_FILE, MASK_FILE, METHOD_FILE):
            shutil.copyfile(store.path(parent) / name, parents / parent / name)
    home.logs.mkdir(parents=True, exist_ok=True)
    job_file = folder / "job.json"
    job_file.write_text(job.model_dump_json(), encoding="utf-8")
    isolation = weakest([made_by.isolation, *map(store.isolation, continued)])
    write_job_origin(job_file, made_by.model_copy(update={"isolation": isolation}))
    log, cache = home.trainer_log(job.root), home.compiled if job.is_compiled else None
    return PreparedJob(job, job_file, submission, data, parents, outbox, log, compiler_cache=cache)


def _stored_parents(job: TrainingJob) -> set[str]:
    """Return the names of the stored states that a job continues."""
    own_keys = {segment.key for segment in job.segments}
    continued = {key for segment in job.segments for key in (segment.parent, *segment.anchors(job.root))}
    return {key for key in continued if key is not None and key not in own_keys}
