"""What everything else relies on: together, alone, split anywhere or killed and resumed, the bits are the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from benchmark.method.contract import Method
from benchmark.plan import Segment
from benchmark.training.advance import LiveSegment
from benchmark.training.segment_error import SegmentError
from benchmark.training.state import TrainState, load_state, save_state
from benchmark.training.trainer import Outbox
from benchmark.training.training_job import TrainingJob

from . import methods
from .methods import Adaptive, Restless, Supervised, Taught
from .tiny import (
    BATCH_SIZE,
    CPU,
    ENCODER,
    IMAGES,
    LABELS,
    NUM_CLASSES,
    ROOT,
    RUNS,
    SEED,
    TOTAL_STEPS,
    Memory,
    collect,
    differences,
    leaf_key,
    load_from,
    recipe_of,
    remaining,
    setting_of,
    state_after,
    sweep,
    trained,
    tree,
    without_leaves,
)  # fmt: skip

METHODS: tuple[type[Method], ...] = (Restless, Taught, Adaptive, Supervised)

SOME_RUNS = ["dense", "early", "halfway, layerwise", "weights back to update 3", "after the last update"]


@cache
def together(method: type[Method]) -> dict[str, TrainState]:
    """Train the whole tree in one sweep: the states at the ends of all segments."""
    memory = trained(recipe_of(method), tree())
    assert not memory.errors, next(iter(memory.errors.values()))
    return memory.finished_states


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Bits are the same only at a fixed number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("run", "method"),
    [(run, method) for method in (Restless, Adaptive) for run in RUNS]
    + [(run, method) for method in (Taught, Supervised) for run in SOME_RUNS],
)
def test_a_run_has_the_same_bits_trained_alone_and_in_the_tree_of_all_runs(run: str, method: type[Method]) -> None:
    assert differences(state_after(recipe_of(method), RUNS[run]), together(method)[leaf_key(RUNS[run])]) == []


@pytest.mark.parametrize("method", METHODS)
def test_the_runs_differ_from_one_another_and_from_another_seed(method: type[Method]) -> None:
    """Otherwise equal bits would prove nothing."""
    weights = {name: together(method)[leaf_key(run)].encoder["stem.0.weight"] for name, run in RUNS.items()}
    assert len({weight.numpy().tobytes() for weight in weights.values()}) == len(RUNS)
    other_seed = state_after(recipe_of(method, seed=SEED + 1), RUNS["dense"])
    assert not torch.equal(other_seed.encoder["stem.0.weight"], weights["dense"])


@pytest.mark.parametrize("method", METHODS)
def test_segments_trained_each_in_a_sweep_of_its_own_from_files_give_the_same_bits(
    method: type[Method], tmp_path: Path
) -> None:
    for segment in tree():
        memory = Memory()
        sweep(recipe_of(method), [segment], memory, load_from(tmp_path))
        assert not memory.errors, memory.errors[segment.key]
        state = memory.finished_states[segment.key]
        (tmp_path / segment.key).mkdir()
        save_state(state, tmp_path / segment.key)
        assert differences(state, together(method)[segment.key]) == []
        assert differences(load_state(tmp_path / segment.key, CPU), state) == []


class Crash(BaseException):
    """The end of a trainer that nothing in it can catch."""


class CrashingOutbox:
    """The trainer's own outbox, until the trainer has made so many updates of models or written so many states."""

    def __init__(self, outbox: Outbox, updates_left: int, states_left: int) -> None:
        self.outbox, self.updates_left, self.states_left = outbox, updates_left, states_left

    def updated(self, step: int, num_models: int, loss: Tensor) -> None:
        """Pass on, or crash."""
        self.updates_left -= num_models
        if self.updates_left <= 0:
            raise Crash
        self.outbox.updated(step, num_models, loss)

    def finished(self, live: LiveSegment, state: TrainState) -> None:
        """Pass on, then crash if it was the last."""
        self.outbox.finished(live, state)
        self._written()

    def checkpoint(self, root: str, live: LiveSegment, state: TrainState) -> None:
        """Pass on, then crash if it was the last."""
        self.outbox.checkpoint(root, live, state)
        self._written()

    def _written(self) -> None:
        self.states_left -= 1
        if self.states_left <= 0:
            raise Crash

    def checkpoint_due(self) -> bool:
        """Ask the outbox."""
        return self.outbox.checkpoint_due()

    def failed(self, segment: Segment, error: SegmentError) -> None:
        """Nothing here fails."""
        raise AssertionError(error.traceback)


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(METHODS), interval=st.integers(2, 7),
    crashes=st.lists(st.tuples(st.integers(5, 60), st.integers(2, 10)), min_size=1, max_size=3),
)  # fmt: skip
def test_crashing_anywhere_and_going_on_from_what_was_written_gives_the_same_bits(
    method: type[Method], interval: int, crashes: list[tuple[int, int]]
) -> None:
    segments = without_leaves(tree(*(RUNS[name] for name in SOME_RUNS)))
    wanted = {segment.key for segment in segments}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        store.mkdir()
        for attempt, (updates, states) in enumerate([*crashes, (10**9, 10**9)]):
            directory = Path(folder, f"outbox-{attempt}")
            directory.mkdir()
            outbox = CrashingOutbox(Outbox(directory, CPU, checkpoint_every_s=0), updates, states)
            with suppress(Crash):
                sweep(recipe_of(method), remaining(segments, wanted, store), outbox, load_from(store), interval)
            collect(directory, store)
        for key in (leaf_key(RUNS[name]) for name in SOME_RUNS):
            assert differences(load_state(store / key, CPU), together(method)[key]) == []


def write_submission(directory: Path, method: type[Method]) -> None:
    """Make a submission of one of the tiny methods, which lie beside its `method.py`; it takes its time."""
    directory.mkdir()
    (directory / "methods.py").write_text(Path(methods.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (directory / "method.py").write_text(
        f"import time\nfrom .methods import {method.__name__}\n\n"
        f"class Slow({method.__name__}):\n"
        "    def after_step(self, encoder):\n"
        "        super().after_step(encoder)\n"
        "        time.sleep(0.004)\n",
        encoding="utf-8",
    )


def start_trainer(folder: Path, segments: list[Segment], outbox: Path, interval: int) -> subprocess.Popen[bytes]:
    job = TrainingJob(
        root=ROOT, seed=SEED, encoder=ENCODER, dataset="tiny", flip=False, num_classes=NUM_CLASSES,
        batch_size=BATCH_SIZE, total_steps=TOTAL_STEPS, hyperparameters=dict(setting_of().hyperparameters),
        device="cpu", segments=tuple(segments), checkpoint_interval=interval, checkpoint_every_s=0,
    )  # fmt: skip
    (folder / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    outbox.mkdir()
    command = [
        sys.executable, "-I", "-m", "benchmark.training.trainer", "--job", folder / "job.json",
        "--submission", folder / "submission", "--data", folder / "data.safetensors",
        "--parents", folder / "store", "--outbox", outbox,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([str(part) for part in command], env=environment)


def kill_after(trainer: subprocess.Popen[bytes], outbox: Path, num_states: int, delay_s: float) -> bool:
    """Send SIGKILL once so many states have appeared, a moment later; return whether the trainer was still running."""
    while trainer.poll() is None and sum(folder.is_dir() for folder in outbox.iterdir()) < num_states:
        time.sleep(0.001)
    time.sleep(delay_s)
    trainer.send_signal(signal.SIGKILL)
    return trainer.wait() == -signal.SIGKILL


@pytest.mark.parametrize("method", [Adaptive])
def test_the_real_trainer_killed_again_and_again_ends_with_the_same_bits(method: type[Method], tmp_path: Path) -> None:
    segments = without_leaves(tree(*(RUNS[name] for name in SOME_RUNS)))
    wanted = {segment.key for segment in segments}
    write_submission(tmp_path / "submission", method)
    save_file({"images": IMAGES, "labels": LABELS}, tmp_path / "data.safetensors")
    store = tmp_path / "store"
    store.mkdir()
    chance = random.Random(0)
    num_kills = 0
    for attempt in range(20):
        left = remaining(segments, wanted, store)
        if not left:
            break
        outbox = tmp_path / f"outbox-{attempt}"
        trainer = start_trainer(tmp_path, left, outbox, interval=chance.randint(2, 5))
        if num_kills < 2:
            num_kills += kill_after(trainer, outbox, chance.randint(1, 8), chance.uniform(0, 0.03))
        else:
            assert trainer.wait() == 0
        collect(outbox, store)
    assert num_kills == 2
    for key in (leaf_key(RUNS[name]) for name in SOME_RUNS):
        assert differences(load_state(store / key, CPU), together(method)[key]) == []
