"""Jobs that another dispatcher has left or submits at this moment, judged by answers of `squeue` of any age."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest

from benchmark.executors.slurm.left_jobs import LeftTrainers
from benchmark.executors.slurm.node_job import FOLDER, JobFolder, NodeJob
from benchmark.executors.slurm.scheduler import NAME_PREFIX
from benchmark.executors.slurm.states import JobView
from benchmark.spec import BenchmarkSpec
from benchmark.store.claims import Claims
from benchmark.store.layout import Home
from benchmark.store.origin import ORIGIN_FILE
from tests.executors.warm import jobs_of, request

Step = Literal["folder", "job", "number"]
STEPS: tuple[Step, ...] = ("folder", "job", "number")


class Queue:
    """A cluster's queue in which a job appears that another dispatcher submits, step by step, before it is killed.

    Args:
        template: folder of what it submits.
        folder: where it puts that.
    """

    def __init__(self, template: Path, folder: JobFolder) -> None:
        self.folder, self.cancelled, self.num_asked = folder, list[str](), 0
        self.jobs: Mapping[str, JobView] = {}
        self.after_an_answer: Callable[[], None] = lambda: None
        self._template = template

    def do(self, step: Step) -> None:
        """Let the other dispatcher do its next step."""
        if step == "folder":
            self.folder.path.parent.mkdir(exist_ok=True)
            shutil.copytree(self._template, self.folder.path)
            self.folder.write(NodeJob("trainer", ("x",), str(self.folder.outbox)))
        elif step == "job":
            self.jobs = {"17": JobView("17", "PENDING", name=f"{NAME_PREFIX}{self.folder.path.name}")}
        else:
            self.folder.write_id("17")

    def views(self) -> Mapping[str, JobView]:
        """Answer; what happens before the answer is read comes after it."""
        answer, self.num_asked = self.jobs, self.num_asked + 1
        act, self.after_an_answer = self.after_an_answer, lambda: None
        act()
        return answer

    def cancel(self, job_id: str) -> None:
        """Remember what was cancelled."""
        self.cancelled.append(job_id)


@pytest.fixture
def queue(tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path) -> Queue:
    prepared = jobs_of(request(tiny_spec, plain, tmp_path / "home"), tmp_path / "home")[0]
    template = tmp_path / "template"
    (template / "outbox").mkdir(parents=True)
    for path in (prepared.job_file, prepared.job_file.parent / ORIGIN_FILE):
        shutil.copyfile(path, template / path.name)
    return Queue(template, JobFolder(tmp_path / "home" / FOLDER / f"{prepared.job.root[:12]}-theirs"))


def take_over(queue: Queue) -> int:
    """Take over what is left, beside other dispatchers; gives how many jobs were ended."""
    home = Home(queue.folder.path.parents[1])
    with Claims(home, "simclr on digits-1.0") as claims:
        return LeftTrainers().take_over(home, queue, claims, [])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("until", [2, 3])
def test_no_folder_is_removed_by_an_answer_from_before_its_job_was_submitted(
    queue: Queue, before: int, until: int
) -> None:
    """A job was left in the queue without its folder, and failed there; its seed waited for the next one."""
    (queue.folder.path.parent).mkdir()
    for step in STEPS[:before]:
        queue.do(step)

    def go_on() -> None:
        for step in STEPS[before:until]:
            queue.do(step)

    queue.after_an_answer = go_on
    assert take_over(queue) == 0
    assert queue.folder.job_file.is_file()
    assert queue.cancelled == []
    assert take_over(queue) == 0
    assert queue.folder.job_id == "17"


@pytest.mark.parametrize(("steps", "asked"), [(["folder", "number"], 1), (["folder"], 2)])
def test_what_is_not_in_the_queue_any_more_is_removed(queue: Queue, steps: list[Step], asked: int) -> None:
    for step in steps:
        queue.do(step)
    assert take_over(queue) == 0
    assert not queue.folder.path.exists()
    assert queue.num_asked == asked
