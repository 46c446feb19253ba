"""The `fmn` command: one function per verb."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.faults import demand_file, demand_folder, in_plain_words
from benchmark.cli.operation import operation
from benchmark.cli.records import TrustedKeys, record_verbs
from benchmark.cli.signals import continued_by_the_same_command, ending_like_ctrl_c
from benchmark.executors.choices import ExecutorChoice
from benchmark.executors.gpus import named_gpus

app = typer.Typer(
    name="fmn", no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
    help="Forget-Me-Not: how robust are learned representations when the network is pruned?",
    epilog="Start with: fmn evaluate simclr",
)  # fmt: skip

app.add_typer(operation)
app.add_typer(record_verbs)

Submission = Annotated[str, typer.Argument(help="Name under submissions/, or the path of any submission's directory.")]
Spec = Annotated[str, typer.Option(help="Name of a shipped specification, or the path of a YAML file.")]
ExecutorName = Annotated[ExecutorChoice, typer.Option(help="Where submitted code runs; auto: docker if it answers.")]


def _device(choice: str) -> str:
    try:
        named_gpus(choice)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return choice


Device = Annotated[
    str, typer.Option(
        help="What they train on; cuda: all GPUs of the machine, cuda:0,2: two of them.",
        metavar="auto|cpu|cuda|cuda:N,M", callback=_device,
    ),
]  # fmt: skip


@app.command(epilog="Examples:  fmn evaluate simclr   |   fmn evaluate ./my_method --spec ./my_spec.yaml")
def evaluate(
    submission: Submission, spec: Spec = "digits", executor: ExecutorName = "auto", device: Device = "auto"
) -> None:
    """Train, prune and score a submission; continue where an earlier call was interrupted."""
    _evaluate(submission, spec, executor, device, train=True)


@app.command(epilog="Example:  fmn rescore simclr --spec digits")
def rescore(
    submission: Submission, spec: Spec = "digits", executor: ExecutorName = "auto", device: Device = "auto"
) -> None:
    """Recompute all metrics from stored weights; train nothing."""
    _evaluate(submission, spec, executor, device, train=False)


@app.command(epilog="Example:  fmn plan simclr --spec digits")
def plan(
    submission: Submission, spec: Spec = "digits", executor: ExecutorName = "auto", device: Device = "auto"
) -> None:
    """Show what an evaluation would train, what sharing saves and what it may cost; train nothing."""
    from rich.console import Console

    from benchmark.cli.plan_table import plan_table
    from benchmark.cli.session import Session
    from benchmark.spec.documents.loading import load_spec

    document = load_spec(spec)  # before anything that costs seconds
    with Session(executor, device) as session:
        prepared = session.prepare(document, submission, download=False)
        Console().print(plan_table(prepared, session.home, session.executor))


@app.command(epilog="Example:  fmn reproduce results/digits-1.0/simclr-0123456789ab.json.gz --executor docker")
def reproduce(
    record: Annotated[Path, typer.Argument(help="The record (JSON) of an evaluation, of whoever made it.")],
    submission: Annotated[str | None, typer.Option(help="Its submission, where that is not submissions/NAME.")] = None,
    executor: ExecutorName = "auto",
    device: Device = "auto",
    pictures: Annotated[
        Path | None, typer.Option(help="Where its pictures are, if it names a folder of one's own by its content.")
    ] = None,
) -> None:
    """Train and score again what a record tells of, and compare; exits with 1 where both do not agree as promised."""
    from benchmark.cli.reproduction import reproduce as repeat

    with continued_by_the_same_command():
        agrees = repeat(record, submission, executor, device, pictures)
    if not agrees:
        raise typer.Exit(1)


@app.command(epilog="Example:  fmn submit my_method --spec digits --out my_method.bundle")
def submit(
    submission: Submission,
    spec: Spec = "digits",
    executor: ExecutorName = "auto",
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(help="File to write; by default NAME-SPEC.bundle, here.")] = None,
) -> None:
    """Check a submission, take its records or make them, verify, and write all of it as one signed bundle."""
    from benchmark.cli.bundles.submit import submit as hand_in

    with continued_by_the_same_command():
        hand_in(submission, spec, executor, device, out)


@app.command(epilog="Examples:  fmn check my_method   |   fmn check --all --spec corti2022")
def check(
    submissions: Annotated[
        list[str] | None, typer.Argument(help="Names under submissions/, or paths of any submissions' directories.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every submission under submissions/.")] = False,
    spec: Spec = "digits",
    executor: ExecutorName = "auto",
) -> None:
    """Validate submissions in seconds, before any compute: every problem at once, with file and line."""
    from benchmark.cli.session import Session, known_submissions, submission_directory
    from benchmark.evaluation.check import check_submissions
    from benchmark.spec import Problem, UserError
    from benchmark.spec.documents.loading import load_spec

    document = load_spec(spec)
    names = [*dict.fromkeys([*(submissions or ()), *(known_submissions() if everything else ())])]
    if not names:
        raise UserError([Problem("SUBMISSION", "the name of a submission, or --all", "nothing")])
    directories = [submission_directory(name) for name in names]
    with Session(executor, "cpu") as session:
        found = check_submissions(directories, document, session.executor)
    problems: list[Problem] = []
    for name, checked in zip(names, found, strict=True):
        before = f"{name}: " if len(names) > 1 else ""
        for sentence in checked.notes if not checked.problems else ():
            print(f"{before}{sentence}")
        if not checked.problems:
            print(f"{name}: nothing wrong found")
        problems += [replace(each, where=f"{before}{each.where}") for each in checked.problems]
    for sentence in dict.fromkeys(sentence for checked in found for sentence in checked.tried):
        print(sentence)
    if problems:
        raise UserError(problems)


@app.command(epilog="Example:  fmn tune simclr --spec digits --trials 16 --write")
def tune(
    submission: Submission,
    spec: Spec = "digits",
    trials: Annotated[int, typer.Option(min=1, max=10_000, help="Settings to compare, earlier calls included.")] = 16,
    write: Annotated[bool, typer.Option("--write", help="Write the best setting into submission.yaml.")] = False,
    executor: ExecutorName = "auto",
    device: Device = "auto",
) -> None:
    """Search hyperparameters on validation images, in the space that submission.yaml declares; go on after a kill."""
    from benchmark.cli.session import Session, submission_directory
    from benchmark.spec.documents.loading import load_spec

    document, directory = load_spec(spec), submission_directory(submission)
    with continued_by_the_same_command(), Session(executor, device) as session:
        session.tune(document, directory, trials, write=write)


@app.command(epilog="Example:  fmn new my_method")
def new(name: Annotated[str, typer.Argument(help="Name of the new submission.")]) -> None:
    """Scaffold a submission from the template; it passes `fmn check` and evaluates as it is."""
    from benchmark.cli.scaffold import scaffold
    from benchmark.shipped import command_words

    folder = scaffold(name, Path("submissions"))
    check_it = command_words(f"make check SUBMISSION={name}", f"fmn check {name}")
    print(f"{folder} is ready: edit {folder / 'method.py'}, then run `{check_it}`")


@app.command(epilog="Example:  fmn leaderboard --port 8501 --trusted-keys ./trusted_keys.yaml")
def leaderboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on localhost.")] = 8501,
    trusted_keys: TrustedKeys = None,
) -> None:
    """Serve the leaderboard on localhost; it shows records that a trusted key has signed."""
    from benchmark.cli.serve import serve_leaderboard

    raise typer.Exit(serve_leaderboard(port, trusted_keys))


@app.command(epilog="Examples:  fmn export   |   fmn export public/board --trusted-keys ./trusted_keys.yaml")
def export(
    out: Annotated[Path, typer.Argument(help="Folder to write; an earlier export there is replaced.")] = Path("site"),
    trusted_keys: TrustedKeys = None,
) -> None:
    """Write the leaderboard as a static site, HTML and JSON, that any web server can host."""
    from benchmark.printable import counted
    from benchmark.recording.trust import demand_trust
    from leaderboard.export.site import export as write_site

    trust = demand_trust(trusted_keys)
    try:
        written = write_site(out, trust)
    except (ValueError, OSError) as error:
        print(f"not exported: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    for path, why in written.left_out:
        print(f"left out {path}: {why}", file=sys.stderr)
    pages, records = counted(written.num_pages, "page"), counted(written.num_records, "record")
    print(f"{pages} and {records}, {written.num_bytes / 2**20:.1f} MiB")
    print(f"open {written.folder / 'index.html'}, or copy {written.folder} to any web server")


@app.command(epilog="Examples:  fmn report   |   fmn report docs/report.md")
def report(
    page: Annotated[Path, typer.Argument(help="Page to write (Markdown); figures go into a folder beside it.")] = Path(
        "report.md"
    ),
    trusted_keys: TrustedKeys = None,
) -> None:
    """Test the founding study's claims on every board, and write what comes out."""
    from benchmark.recording.trust import demand_trust
    from benchmark.spec import Problem, UserError
    from leaderboard.export.published_board import read_published_board
    from leaderboard.export.report_page import write_report

    trust = demand_trust(trusted_keys)
    demand_file(page, "PAGE", "a Markdown file to write the report to")
    demand_folder(page.with_suffix(""), "PAGE", "a page whose figures go into a folder of its name, less the ending")
    if not page.suffix:
        expected = "a page with an ending, as report.md, since its figures go into a folder of the name without it"
        raise UserError([Problem("PAGE", expected, str(page))])
    try:
        num_figures = len(list(write_report(read_published_board(trust), page))) - 1
    except OSError as error:
        print(f"not written: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"{page}, {num_figures} figures beside it")


def _evaluate(submission: str, spec: str, executor: ExecutorChoice, device: str, *, train: bool) -> None:
    with continued_by_the_same_command():
        from benchmark.cli.session import Session
        from benchmark.spec.documents.loading import load_spec

        document = load_spec(spec)  # before anything that costs seconds
        with Session(executor, device) as session:
            complete = session.evaluate(document, submission, train=train)
    if not complete:
        raise typer.Exit(1)


def main() -> None:
    """Run the command; what users got wrong ends in plain sentences and exit code 2, never in a traceback."""
    try:
        with ending_like_ctrl_c(), _log_on_terminal():
            app()
    except Exception as error:
        said = in_plain_words(error)
        if said is None:
            raise
        print(said, file=sys.stderr)
        raise SystemExit(2) from None


def _log_on_terminal() -> AbstractContextManager[None]:
    """Show what is logged; help logs nothing, and need not wait for what logging imports."""
    if {"--help", "-h"} & set(sys.argv) or len(sys.argv) < 2:
        return nullcontext()
    from benchmark.logs import shown_on_terminal

    return shown_on_terminal()
