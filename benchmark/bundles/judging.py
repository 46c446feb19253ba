"""Judging a bundle: do code, manifest, specifications and records in it belong together, and does every signature hold?

It writes into a folder of its own and nowhere else. Numbers are not computed again here (`fmn receive` does that).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.admission.gate import Admitted, admit
from benchmark.bundles.packing import BadBundle
from benchmark.bundles.sealing import Bundle, Evaluation
from benchmark.files.bounded import read_regular
from benchmark.files.digests import sha256_of
from benchmark.plan.state_keys import evaluation_key
from benchmark.recording.archive import SIGNATURE_SUFFIX, signature_path
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import read_content
from benchmark.recording.signature import MAX_SIGNATURE_BYTES, check
from benchmark.recording.signing_keys import ROLES
from benchmark.recording.trust import Signer, Trust
from benchmark.recording.verify import check_attachments, in_words, open_record
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.spec.canonical import canonical_json, digest
from benchmark.spec.documents.loading import load_spec, shipped_specs
from benchmark.spec.documents.validation import parse_document

CODE, RECORDS, SPECIFICATIONS = "submission", "records", "specifications"
"""Folders of a bundle."""


@dataclass(frozen=True)
class JudgedRecord:
    """A record of a bundle whose signature holds.

    Attributes:
        path: where it lies for now, with all that belongs to it.
        is_trusted: whether its signer is trusted here.
    """

    path: Path
    record: EvaluationRecord
    signer: Signer
    is_trusted: bool


@dataclass(frozen=True)
class Judged:
    """A bundle in which everything fits together.

    Attributes:
        code: where the code lies for now.
        admitted: the submission as the gate read it.
    """

    code: Path
    admitted: Admitted
    records: tuple[JudgedRecord, ...]


def judge_bundle(bundle: Bundle, folder: Path, trust: Trust) -> Judged:
    """Write a bundle into an empty folder and judge it.

    Args:
        bundle: its signature and digests hold already.
        folder: a private one, removed by the caller.
        trust: who is believed here. A signer who is unknown here is no reason to refuse; one who is known, and not
            trusted with this record, is.

    Raises:
        BadBundle: something in it is not as it should be; says what, in one sentence.
        OSError: the folder cannot be written to.
    """
    content = folder / "content"
    for name, data in bundle.files.items():
        path = content / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    code = content / CODE
    try:
        admitted = admit(code, folder / "admitted")
    except UserError as error:
        raise BadBundle(f"its submission is refused: {error.problems[0]}") from None
    if (admitted.name, admitted.code_digest) != (bundle.index.submission, bundle.index.code_digest):
        raise BadBundle("its index names another submission, or other code, than lies in it")
    records = tuple(_judge_record(each, bundle, content, admitted, trust) for each in bundle.index.evaluations)
    _refuse_others(bundle, records)
    return Judged(code, admitted, records)


def judge_contents(record: EvaluationRecord, admitted: Admitted) -> BenchmarkSpec:
    """Check that a record is of this submission and hangs together in itself.

    Returns:
        The specification in the record.

    Raises:
        BadBundle: it is of other code or settings, its key is not that of its states, or its specification is not the
            one whose name it bears.
    """
    spec = _specification(record)
    facts, manifest = record.submission, admitted.manifest.under(spec.name)
    if (facts.name, facts.digest) != (admitted.name, admitted.code_digest):
        raise BadBundle(f"the record says that it is of code {facts.digest[:16]}, got {admitted.code_digest[:16]}")
    settings = manifest.resolved(spec.tasks[0].dataset.name)
    if (facts.supervision, facts.hyperparameters) != (manifest.supervision, settings):
        raise BadBundle("the record was made with other hyperparameters or labels than the manifest says")
    states = [run.state_key for run in record.runs]
    if record.evaluation_key != evaluation_key(spec.identity, facts.name, states):
        raise BadBundle("the record's evaluation key is not that of the states it names")
    return spec


def believing(trust: Trust, *records: Path) -> Trust:
    """Return a trust that also believes whoever signed these records, where nothing is known of them.

    Raises:
        BadSignature: a signature does not hold.
        OSError: something cannot be read.
    """
    signers = dict(trust.signers)
    for path in records:
        content = read_content(path)
        key = check(content, read_regular(signature_path(path), MAX_SIGNATURE_BYTES)).key
        signers.setdefault(key, Signer("nobody who is trusted here", key, frozenset(ROLES)))
    return Trust(signers)


def _judge_record(
    said: Evaluation, bundle: Bundle, folder: Path, admitted: Admitted, trust: Trust
) -> JudgedRecord:
    path = folder / said.record
    try:
        believed = open_record(path, believing(trust, path))
        check_attachments(path, believed.record)
        spec = judge_contents(believed.record, admitted)
    except (OSError, ValueError, RecursionError) as error:
        raise BadBundle(f"{said.record}: {in_words(error)}") from None
    record = believed.record
    if said != evaluation_of(record, sha256_of(path)):
        raise BadBundle(f"{said.record}: the index says something else of it than the record")
    if bundle.files.get(said.specification) != canonical_json(record.spec):
        raise BadBundle(f"{said.specification} is not the specification of {spec.identity} in the record")
    return JudgedRecord(path, record, believed.signer, believed.signer.key in trust.signers)


def evaluation_of(record: EvaluationRecord, sha256: str) -> Evaluation:
    """Return what the index of a bundle says of a record.

    Args:
        record: as parsed.
        sha256: of its file. A part of it is in the name, so that a record never takes the place of another one.
    """
    stem = f"{record.submission.name}-{record.evaluation_key[:12]}-{sha256[:12]}"
    return Evaluation(
        record=f"{RECORDS}/{record.spec_identity}/{stem}.json", spec_identity=record.spec_identity,
        specification=f"{SPECIFICATIONS}/{record.spec_identity}-{digest(record.spec)[:12]}.json",
        evaluation_key=record.evaluation_key, isolation=record.isolation, environment=record.environment,
    )  # fmt: skip


def _specification(record: EvaluationRecord) -> BenchmarkSpec:
    """Read the specification in a record; one with the name of a shipped one has to be that one."""
    try:
        spec = parse_document(BenchmarkSpec, record.spec)
    except UserError as error:
        raise BadBundle(f"its specification cannot be read: {error.problems[0]}") from None
    if spec.identity != record.spec_identity:
        raise BadBundle(f"the record says {record.spec_identity[:60]}, and its specification {spec.identity}")
    if spec.name in shipped_specs():
        here = load_spec(spec.name)
        if here.identity == spec.identity and here != spec:
            raise BadBundle(f"its specification is not the {spec.identity} that this version comes with")
    return spec


def _refuse_others(bundle: Bundle, records: tuple[JudgedRecord, ...]) -> None:
    """Refuse files that belong to nothing, and records that are named twice."""
    names = [name for each in bundle.index.evaluations for name in (each.record, each.specification)]
    for said, judged in zip(bundle.index.evaluations, records, strict=True):
        stem = said.record.removesuffix(".json")
        names += [f"{stem}{suffix}" for suffix in (SIGNATURE_SUFFIX, *judged.record.attachments)]
    named = {*names, *(name for name in bundle.files if name.startswith(f"{CODE}/"))}
    if len({each.record for each in bundle.index.evaluations}) != len(records):
        raise BadBundle("its index names a record twice")
    others = sorted(set(bundle.files) - named)
    if others:
        raise BadBundle(f"{others[0]} belongs to nothing in it")
