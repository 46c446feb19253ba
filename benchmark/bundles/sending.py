"""Making a bundle: a submission as the gate reads it, and the records of it that a home holds.

A record goes in only if it is complete, is believed here, and was made from exactly this code and these settings.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import benchmark
from benchmark.admission.directory import read_directory
from benchmark.admission.gate import Admitted, admit
from benchmark.bundles.judging import CODE, evaluation_of, judge_contents
from benchmark.bundles.packing import MAX_FILE_BYTES
from benchmark.bundles.sealing import Evaluation, Index, seal
from benchmark.files.bounded import read_regular
from benchmark.recording.archive import with_what_belongs
from benchmark.recording.isolation import role_of, weakest
from benchmark.recording.record_files import plain_name, read_content, record_paths
from benchmark.recording.signing_keys import signing_key
from benchmark.recording.trust import Trust
from benchmark.recording.verify import check_attachments, open_record
from benchmark.spec import BenchmarkSpec, ImageFolder
from benchmark.spec.canonical import canonical_json
from benchmark.store.layout import Home

logger = logging.getLogger(__name__)


def records_of(submission: Path, spec: BenchmarkSpec, home: Home, trust: Trust) -> list[Path]:
    """Find the records in a home that can be handed in for a submission under a specification.

    Args:
        submission: its directory.
        spec: the specification as it was asked for; pictures of one's own may be named by their path here, and by
            their content in records.
        home: where to look.
        trust: whose records are taken.

    Returns:
        Paths of complete records of this code, these hyperparameters and this specification, by name.

    Raises:
        UserError: the submission is refused.
    """
    with tempfile.TemporaryDirectory() as folder:
        admitted = admit(submission, Path(folder) / CODE)
        found = record_paths(home.records / spec.identity, f"{admitted.name}-")
        candidates = {plain_name(path): path for path in reversed(list(found))}  # plain before packed
        return [path for _, path in sorted(candidates.items()) if _fits(path, admitted, spec, trust)]


def make_bundle(submission: Path, records: Sequence[Path], home: Home, trust: Trust) -> bytes:
    """Make a bundle of a submission and its records, signed with this machine's key.

    Raises:
        UserError: the submission is refused, or there is no key to sign with.
        ValueError: a record is not to be believed, is of other code, or all of it is too large.
        OSError: something cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        admitted = admit(submission, Path(folder) / CODE)
        code = read_directory(admitted.directory).files
    files = {f"{CODE}/{name}": content for name, content in code.items()}
    evaluations: list[Evaluation] = []
    for path in records:
        record = open_record(path, trust).record
        check_attachments(path, record)
        judge_contents(record, admitted)
        content = read_content(path)
        said = evaluation_of(record, hashlib.sha256(content).hexdigest())
        evaluations.append(said)
        inside = with_what_belongs(path, Path(said.record), record)
        files |= {
            name.as_posix(): content if file == path else read_regular(file, MAX_FILE_BYTES)
            for file, name in inside.items()
        }
        files[said.specification] = canonical_json(record.spec)
    index = Index(
        made_by=benchmark.__version__, submission=admitted.name, code_digest=admitted.code_digest,
        evaluations=evaluations, files={},
    )  # fmt: skip
    role = role_of(weakest(each.isolation for each in evaluations))
    return seal(index, files, signing_key(role, away_from=home.root))


def _fits(path: Path, admitted: Admitted, spec: BenchmarkSpec, trust: Trust) -> bool:
    try:
        record = open_record(path, trust).record
        check_attachments(path, record)
        return record.is_complete and _asks_the_same(judge_contents(record, admitted), spec)
    except (OSError, ValueError, RecursionError) as error:
        logger.info("%s is not handed in: %s", path, error)
        return False


def _asks_the_same(recorded: BenchmarkSpec, asked: BenchmarkSpec) -> bool:
    """Return whether two specifications are one, wherever pictures lie that the recorded one names by content."""
    if len(recorded.tasks) != len(asked.tasks):
        return False
    tasks = list(asked.tasks)
    for index, task in enumerate(recorded.tasks):
        here = tasks[index].dataset
        if isinstance(task.dataset, ImageFolder) and isinstance(here, ImageFolder):
            dataset = here.model_copy(update={"path": task.dataset.path})
            tasks[index] = tasks[index].model_copy(update={"dataset": dataset})
    return recorded == asked.model_copy(update={"tasks": tuple(tasks)})
