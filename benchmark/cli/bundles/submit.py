"""`fmn submit`: checks a submission, takes or makes its records, verifies them, and writes one signed bundle."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from benchmark.bundles.sending import make_bundle, records_of
from benchmark.cli.faults import demand_file, demand_folder
from benchmark.cli.recomputation import recompute_record
from benchmark.cli.session import Session, submission_directory
from benchmark.evaluation.check import check_submission
from benchmark.executors.base import ExecutorChoice
from benchmark.files.atomic import write_atomically
from benchmark.printable import counted, masked
from benchmark.recording.trust import Trust, demand_trust, load_trust
from benchmark.shipped import command_words
from benchmark.spec import Problem, UserError
from benchmark.spec.documents.loading import load_spec
from benchmark.store.layout import Home


def submit(submission: str, spec: str, executor: ExecutorChoice, device: str, out: Path | None) -> None:
    """Write a bundle of a submission and of all its complete records on one specification.

    Raises:
        UserError: the submission has problems, a run of it has no score, a record does not hold, or no file can be
            written at `out`; the last is said before anything is computed.
    """
    document, directory, trust = load_spec(spec), submission_directory(submission), demand_trust()
    _demand_place(out, f"NAME-{document.identity}.bundle")
    with Session(executor, device) as session:
        home = session.home
        for sentence in check_submission(directory, document, session.executor):
            print(sentence)
        found = records_of(directory, document, home, trust)
        if not found:
            session.evaluate(document, submission, train=True)
            trust = load_trust()  # the first evaluation made this machine's keys
            found = records_of(directory, document, home, trust)
    if not found:
        expected = f"a complete record of it on {document.identity}, signed by a trusted key, in {home.records}"
        raise UserError([Problem(submission, expected, "none: see above which runs have no score")])
    for path in found:
        _verify(path, trust)
    path = out or Path(f"{found[0].name.rpartition('-')[0]}-{document.identity}.bundle")
    _write(path, directory, found, home, trust)


def _demand_place(out: Path | None, default: str) -> None:
    what = "a file to write the bundle to"
    if out is not None:
        demand_file(out, "--out", what)
    else:
        demand_folder(Path.cwd(), default, what)


def _verify(path: Path, trust: Trust) -> None:
    again = recompute_record(path, trust)
    if not again.holds:
        got = masked(again.problem or again.differing[0])
        raise UserError([Problem(str(path), "a record whose numbers its outcomes give again", got)])
    compared = again.counts.get("outcomes", 0)
    print(f"takes {path}: {counted(compared, 'number')} computed again, all agree")


def _write(path: Path, directory: Path, records: list[Path], home: Home, trust: Trust) -> None:
    try:
        content = make_bundle(directory, records, home, trust)
    except UserError:
        raise
    except ValueError as error:
        raise UserError([Problem(str(path), "a bundle that others can receive", str(error))]) from error
    write_atomically(path, content)
    text = f"{path}: {counted(len(records), 'record')}, {len(content) / 2**20:.1f} MiB, signed"
    Console().print(text, soft_wrap=True, markup=False, highlight=False)
    words = command_words(f"make receive BUNDLE={path}", f"fmn receive {path}")
    print(f"on another clone: {words}")
