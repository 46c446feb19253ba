"""The verbs of an operator: what is going on in a home, whether all is well, what can be removed, ending jobs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmark.recording.status import Unfinished
    from benchmark.store.layout import Home

operation = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


def _existing_home() -> Home:
    from benchmark.spec import Problem, UserError
    from benchmark.store.layout import Home

    home = Home.from_environment()
    if not home.root.is_dir():
        raise UserError([Problem("FMN_HOME", "a home in which something was evaluated", f"{home.root} is not there")])
    return home


def _demand_idle(home: Home, verb: str, advice: str = "") -> None:
    from benchmark.spec import Problem, UserError
    from benchmark.store.claims import at_work_in

    found = at_work_in(home)
    if found:
        expected = f"no evaluation at work in this home{advice}"
        raise UserError([Problem(verb, expected, f"at work in {home.root}: {', '.join(map(str, found))}")])


@operation.command(epilog="Example:  FMN_HOME=/shared/runs fmn status")
def status() -> None:
    """Show evaluations without a record, how far they are, and what waits or runs on a cluster for this home."""
    from benchmark.store.claims import read_unfinished

    home = _existing_home()
    unfinished = read_unfinished(home.root)
    for each in unfinished:
        print(_status_line(each))
    jobs = _queue_lines(home)
    for line in jobs:
        print(line)
    if not unfinished and not jobs:
        print(f"nothing is going on in {home.root}")


def _status_line(each: Unfinished) -> str:
    from benchmark.recording.status import roughly

    status = each.status
    words = {True: "at work", False: "interrupted; the same command goes on", None: "at work or interrupted"}
    left = "" if status.left_s is None or not each.is_running else f", {roughly(status.left_s)} left"
    done = f"{status.runs} of {status.total_runs} runs, {status.updates} of {status.total_updates} updates"
    return f"{status.submission} on {status.spec_identity}: {status.stage}, {done}{left} ({words[each.is_running]})"


def _queue_lines(home: Home) -> list[str]:
    from benchmark.executors.slurm.left_jobs import left_jobs
    from benchmark.executors.slurm.node_job import FOLDER
    from benchmark.executors.slurm.scheduler import queue_of_user

    if not any(path.is_dir() for path in (home.root / FOLDER).glob("*")):
        return []
    if shutil.which("squeue") is None:
        return ["jobs of a cluster were started in this home; `squeue` is not here to ask for them"]
    found = left_jobs(home.root, queue_of_user)
    lines: list[str] = []
    for each in found:
        state = "ended" if each.view is None else each.view.state.lower()
        reason = f" ({each.view.reason})" if each.view is not None and each.view.is_waiting else ""
        lines.append(f"job {each.folder.job_id or '?'}  {each.kind or 'unknown'}  {state}{reason}")
    return lines


@operation.command(epilog="Example:  FMN_HOME=/shared/runs fmn cancel")
def cancel() -> None:
    """End all jobs that wait or run on a cluster for this home; what they have finished is kept."""
    from benchmark.executors.slurm.left_jobs import cancel_all
    from benchmark.printable import counted
    from benchmark.store.lock import only_one

    home = _existing_home()
    _demand_idle(home, "cancel", ": end it first (Ctrl-C leaves its jobs in the queue)")
    with only_one(home, lambda text: print(text, file=sys.stderr)):
        num = cancel_all(home)
    print(f"{counted(num, 'job')} cancelled")


@operation.command(epilog="Example:  fmn doctor")
def doctor() -> None:
    """Look at the home, the disk, the engine, the scheduler and the libraries; exits with 1 if something is wrong."""
    from benchmark.cli.doctor import examine
    from benchmark.store.layout import Home

    found = examine(Home.from_environment())
    for each in found:
        print(f"{'ok     ' if each.is_fine else 'WRONG  '} {each.what:<10} {each.said}")
    if not all(each.is_fine for each in found):
        raise typer.Exit(1)


def _bytes(text: str) -> int:
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        if not text.isdecimal() or text == "0":  # 200 would be bytes, and somebody means gigabytes
            return TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        pass
    raise typer.BadParameter(f"expected a size with its unit, such as 200GB or 50GiB, got {text!r}")


@operation.command(
    epilog="Examples:  fmn gc --yes   |   fmn gc --keep 200GB   |   fmn gc runs/records/digits-1.0/old-*.json --yes"
)
def gc(
    records: Annotated[
        list[Path] | None, typer.Argument(help="Records (JSON) whose trained states may go too: they lose rescoring.")
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            parser=_bytes, metavar="SIZE", show_default=False,
            help="What the home may take of the disk (200GB): trained states of the oldest records go above that.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this, only say what would go.")] = False,
) -> None:
    """Say what can be removed from a home, and what is lost with it; with --yes, remove it."""
    from benchmark.store.garbage import find_garbage, home_size, remove
    from benchmark.store.lock import only_one

    home = _existing_home()
    _demand_idle(home, "gc")
    with only_one(home, lambda text: print(text, file=sys.stderr)):
        too_many = None if keep is None else home_size(home) - keep
        found = find_garbage(home, records or [], too_many)
        for each in found:
            print(f"{each.num_bytes / 2**20:10.1f} MiB  {each.what}")
        if yes:
            remove(found)
    total = sum(each.num_bytes for each in found)
    print(f"{total / 2**20:10.1f} MiB  {'removed' if yes else 'would be removed by `fmn gc --yes`'}")
    if keep is not None and too_many is not None and too_many > total:
        why = "records, images and states of evaluations without a record stay"
        left = (too_many - total + keep) / 2**20
        print(f"{left:10.1f} MiB  {'are' if yes else 'would be'} left, more than --keep: {why}")
