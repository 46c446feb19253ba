"""`fmn reproduce`: repeats the evaluation of a record in a home of its own, and shows how far both agree.

It says first what that needs (pictures, device, hours) and refuses in one sentence where something is not here. What is
trained comes from the record: its specification, and its hyperparameters in place of what the manifest says today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from benchmark.cli.live_progress import make_reporter
from benchmark.cli.session import Session
from benchmark.datasets.image_folder import BY_CONTENT
from benchmark.evaluation.preparation import Prepared
from benchmark.executors.base import ExecutorChoice
from benchmark.plan import KEY_VERSION
from benchmark.printable import counted
from benchmark.recording.agreement import Agreement, compare
from benchmark.recording.archive import read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.definitions import is_comparable
from benchmark.spec import BenchmarkSpec, ImageFolder, Problem, UserError
from benchmark.spec.documents.validation import parse_document
from benchmark.store.layout import Home


def reproduce(
    path: Path, submission: str | None, executor: ExecutorChoice, device: str, pictures: Path | None = None
) -> bool:
    """Repeat the evaluation of a record; says whether both agree as promised.

    Everything is trained again, in a home of its own. An interrupted call is continued by the same command.

    Raises:
        UserError: the record cannot be read, or the submission or the pictures here are not those of the record.
    """
    record = _read(path)
    spec = parse_document(BenchmarkSpec, record.spec)
    home = Home(Home.from_environment().root / "reproduced" / record.evaluation_key[:16])
    Console().print("\n".join(needs(record, spec)), markup=False, highlight=False, soft_wrap=True)
    placed = _with_pictures(spec, pictures)
    _demand_pictures(placed, home)
    with Session(executor, device, home) as session:
        _demand_device(record, device, session.device)
        hyperparameters = record.submission.hyperparameters
        prepared = session.prepare(placed, submission or record.submission.name, hyperparameters=hyperparameters)
        _demand_same_pictures(spec, prepared.spec)
        _demand_same_data(record, prepared)
        _demand_same_code(record, prepared.admitted.code_digest)
        Console().print(bits_here(record, prepared.environment), markup=False, highlight=False, soft_wrap=True)
        with make_reporter(Console()) as reporter:
            repeated, _ = session.run(prepared, reporter, train=True)
    agreement = compare(record, repeated, partial(is_comparable, is_bound=True, made_under=record.definitions))
    Console().print(agreement_table(record, agreement))
    return agreement.holds


def needs(record: EvaluationRecord, spec: BenchmarkSpec) -> Iterator[str]:
    """Say what repeating an evaluation takes: data, device, and time as the record measured it."""
    yield f"to repeat {record.submission.name} on {record.spec_identity}:"
    for task in spec.tasks:
        dataset = task.dataset
        place = f" {dataset.path[:23]}" if isinstance(dataset, ImageFolder) else ""
        counts = [facts for facts in record.datasets.values() if facts.get("name") == dataset.name]
        said = f", {counts[0]['num_train']:,} training and {counts[0]['num_test']:,} test images" if counts else ""
        yield f"  data      {dataset.name}{place}{said}"
    yield f"  device    {_device(record)}"
    cost, minutes = record.cost, (record.cost.train_s + record.cost.scoring_s) / 60
    time = f"{minutes / 60:.1f} hours" if minutes >= 60 else counted(max(round(minutes), 1), "minute")
    yield f"  time      about {time} on that device: {cost.num_updates:,} updates, and scoring"
    settings = ", ".join(f"{name} {value}" for name, value in sorted(record.submission.hyperparameters.items()))
    yield f"  settings  {settings or 'none'} (of the record, whatever the manifest says today)"
    yield f"  bits      {_bits(record)}; without equal bits, numbers must lie within its intervals"


def _bits(record: EvaluationRecord) -> str:
    """Say whether equal bits can be promised at all, as far as the version of the training code decides."""
    version = (record.definitions or {}).get("keys")
    if version == str(KEY_VERSION):
        return f"promised where the environment is that of the record; the training code is, version {version}"
    made = f"version {version} of the training code made it" if version else "it does not say by which training code"
    return f"not promised: {made}, and here is version {KEY_VERSION}"


def bits_here(record: EvaluationRecord, environment: Mapping[str, Any]) -> str:
    """Say, before anything is trained, whether this machine promises equal bits, and what differs if it does not."""
    version = (record.definitions or {}).get("keys", "not stated")
    named = {name: (record.environment.get(name), environment.get(name)) for name in
             sorted(record.environment.keys() | environment.keys())}  # fmt: skip
    differs = [f"{name} (recorded {there}, here {here})" for name, (there, here) in named.items() if there != here]
    if version != str(KEY_VERSION):
        differs.append(f"version of the training code (recorded {version}, here {KEY_VERSION})")
    if not differs:
        return "  here      the environment and the training code of the record: every bit is promised to be the same"
    return f"  here      other last digits are expected, within its intervals: {'; '.join(differs)}"


def _device(record: EvaluationRecord) -> str:
    kind = "GPU" if record.environment.get("device") == "cuda" else "processor"
    return f"{kind}: {record.environment.get('device_model', 'unknown')}"


def _demand_pictures(spec: BenchmarkSpec, home: Home) -> None:
    """Refuse before anything is imported or built where a folder of pictures is not there."""
    for task in spec.tasks:
        if isinstance(task.dataset, ImageFolder) and not task.dataset.path.startswith(BY_CONTENT):
            place = home.folders.downloads / task.dataset.path
            if not place.exists():
                expected = f"the pictures {task.dataset.path} in FMN_DATA, or their place as --pictures PATH"
                raise UserError([Problem("pictures", expected, f"nothing at {place}")])


def _demand_device(record: EvaluationRecord, asked: str, got: str) -> None:
    if record.environment.get("device") == "cuda" and got != "cuda" and asked == "auto":
        expected = f"a GPU, as the record had ({record.environment.get('device_model', 'unknown')})"
        raise UserError([Problem("device", expected, "none; --device cpu takes the processor, much longer")])


def _demand_same_data(record: EvaluationRecord, prepared: Prepared) -> None:
    for task, facts in record.datasets.items():
        found = prepared.data[task].dataset if task in prepared.data else None
        for split, digest in (("training", "train_digest"), ("test", "test_digest")):
            here = "" if found is None else (found.train if split == "training" else found.test).digest
            if found is not None and digest in facts and facts[digest] != here:
                expected = f"the {split} images {str(facts[digest])[:16]} of the record"
                raise UserError([Problem(f"data of {task}", expected, f"others, {here[:16]}")])


def _read(path: Path) -> EvaluationRecord:
    try:
        return read_record(path)
    except OSError as error:
        raise UserError([Problem("RECORD", "the path of a record", f"{path} ({error.strerror})")]) from error
    except ValueError as error:
        raise UserError([Problem("RECORD", "a record", f"{path} ({error})")]) from error


def _with_pictures(spec: BenchmarkSpec, place: Path | None) -> BenchmarkSpec:
    """Put the place of pictures on this machine where a record names them by their content."""
    if place is None:
        return spec
    found = [task.dataset for task in spec.tasks if isinstance(task.dataset, ImageFolder)]
    if len(found) != 1:
        raise UserError([Problem("--pictures", "a record of one set of pictures", f"one of {len(found)}")])
    here = found[0].model_copy(update={"path": str(place.expanduser().absolute())})
    tasks = [task.model_copy(update={"dataset": here}) if task.dataset == found[0] else task for task in spec.tasks]
    return spec.model_copy(update={"tasks": tuple(tasks)})


def _demand_same_pictures(recorded: BenchmarkSpec, here: BenchmarkSpec) -> None:
    for task, found in zip(recorded.tasks, here.tasks, strict=True):
        if isinstance(task.dataset, ImageFolder) and isinstance(found.dataset, ImageFolder):
            asked, got = task.dataset.path, found.dataset.path
            if asked.startswith(BY_CONTENT) and asked != got:
                raise UserError([Problem("--pictures", f"the pictures {asked[:23]} of the record", got[:23])])


def _demand_same_code(record: EvaluationRecord, digest: str) -> None:
    if digest != record.submission.digest:
        expected = f"the code {record.submission.digest[:16]} of the record"
        got = f"{digest[:16]}; check out the version it was made with, or name another directory with --submission"
        raise UserError([Problem(f"submission {record.submission.name}", expected, got)])


def agreement_table(record: EvaluationRecord, agreement: Agreement) -> Group:
    """Show the first numbers side by side, and the verdict in words."""
    table = Table(title=f"{record.submission.name} on {record.spec_identity}, again", title_justify="left")
    for heading in ("number", "recorded", "repeated", ""):
        table.add_column(heading, justify="left" if heading in ("number", "") else "right")
    for line in agreement.headlines:
        low, high = line.recorded.low, line.recorded.high
        bounds = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
        table.add_row(line.name, f"{_shown(line.recorded.value)}{bounds}", _shown(line.repeated), line.verdict)
    return Group(table, Text("\n".join(_words(agreement))))


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _words(agreement: Agreement) -> Iterator[str]:
    equal = agreement.num_numbers - agreement.num_differing
    yield f"{equal:,} of {agreement.num_numbers:,} numbers are equal in every bit"
    if agreement.on_equal_terms:
        yield "same environment as recorded: every bit should be" + (" and is" if agreement.holds else ", and is NOT")
        return
    for name, (there, here) in agreement.environment.items():
        yield f"{name}: recorded {there}, here {here}"
    where = "and all lie within" if agreement.holds else "but some lie OUTSIDE"
    yield "another environment or training code than recorded: other last digits are expected, " \
        f"{where} the recorded intervals"
