"""What a board keeps of every record, remembered between servers, so that a new one does not parse records again.

It owns one file per set of stores in the user's cache folder (`FMN_CACHE`). A record is found in it by the digest of
its bytes and by whatever else its signature says of it, so that what is found is never stale.

It is a way around parsing and never around trust: it is asked about a record only after that record was read and its
signature checked, on every start. It refuses to believe a file that somebody else could have written, that is damaged,
or that other code has made; and not being able to read or to write it is never an error. It holds Arrow and JSON,
nothing that could run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pydantic
from pydantic import TypeAdapter

import benchmark
from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import read_regular
from benchmark.files.source_digest import source_digest
from benchmark.recording.signature import Statement
from benchmark.recording.verify import Sealed, unseal
from benchmark.scoring.metric import Column
from benchmark.scoring.statistics.models_and_images import Population
from benchmark.settings import read_settings
from benchmark.spec.canonical import canonical_json
from leaderboard.board import board
from leaderboard.board.board import NUMBERS, SEEDS, Condensed, Entry, condense
from leaderboard.board.inference.evidence import Evidence, SettingGap
from leaderboard.reading.areas import with_evidence
from leaderboard.reading.shared_columns import with_shared_columns

MAX_CACHE_BYTES = 2**30
MAX_FILES = 16
"""How many files the cache folder keeps, one per set of stores; the oldest ones are deleted."""

logger = logging.getLogger(__name__)

_ENTRY = TypeAdapter(Entry)
_COLUMNS = TypeAdapter(tuple[Column, ...])
_UNUSABLE = (OSError, ValueError, RuntimeError, LookupError, TypeError, pa.ArrowException)
_SEAL_BYTES = hashlib.sha256().digest_size


@dataclass
class BoardCache:
    """What earlier processes kept of the records of some stores (`found`), and what this one has used (`used`).

    `grown` says that evidence was read that the file does not hold yet.
    """

    path: Path | None
    found: Mapping[str, Condensed]
    used: dict[str, Condensed] = field(default_factory=dict[str, Condensed])
    written: frozenset[str] = frozenset()
    grown: bool = False

    @classmethod
    def of(cls, stores: Sequence[Path]) -> BoardCache:
        """Read the cache of some stores; an empty one where there is none to be believed."""
        path = _place(stores)
        found = {} if path is None else _read(path)
        return cls(path, found, written=frozenset(found))

    def condensed(self, path: str, sealed: Sealed) -> Condensed:
        """Return what a board keeps of the record at `path`, parsing it only where no server has done so before.

        Raises:
            ValueError: it is not a record of a known layout, or not the one that its signature speaks of, its key is
                not trusted for records of that day, or its score is not what the areas beside it give.
        """
        name = _name(sealed.statement)
        kept = self.used.get(name) or self.found.get(name)
        if kept is None:
            kept = with_shared_columns(condense(path, unseal(sealed).record, sealed.signer))
        sealed.signer.check_date(kept.entry.signed_at)  # the list of trusted keys may have changed since it was parsed
        if kept.evidence is None:  # the areas may have come since; where there are none, looking takes no time
            kept = with_evidence(replace(kept, entry=replace(kept.entry, path=path)))
            self.grown = self.grown or kept.evidence is not None
        self.used[name] = kept
        signer = sealed.signer
        entry = replace(kept.entry, path=path, signed_by=signer.name, key_id=signer.key.id)
        return replace(kept, entry=entry, record_sha256=sealed.statement.record_sha256)

    def save(self) -> None:
        """Write what was used, and nothing else, where that is not what the file holds."""
        if self.path is None or (self.written == self.used.keys() and not self.grown):
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            payload = _serialised(self.used)
            write_atomically(self.path, _seal(payload) + payload)
            self.path.chmod(0o600)  # whatever the umask: what others can write is not believed
            _drop_oldest(self.path.parent)
        except _UNUSABLE as error:
            logger.warning("%s cannot be written; the next server parses all records again: %s", self.path, error)
            return
        self.written, self.grown = frozenset(self.used), False


@cache
def made_by() -> bytes:
    """Digest of the code that turns a record into what a board keeps, so that other code never meets this one's."""
    folders = (Path(str(benchmark.__file__)).parent, Path(str(board.__file__)).parent, Path(__file__).parent)
    return hashlib.sha256(f"{source_digest(*folders)}\0{pydantic.VERSION}".encode()).digest()


def _place(stores: Sequence[Path]) -> Path | None:
    """Return where the cache of some stores is; None where others could place one."""
    try:
        folder = read_settings().cache_folder
        if folder.exists() and not _only_mine(folder):
            return None
        if any(folder.resolve().is_relative_to(store.resolve()) for store in stores):
            return None  # stores are copied and shared, and so would be what is believed
    except _UNUSABLE as error:
        logger.warning("the cache folder cannot be used; records are parsed without a cache: %s", error)
        return None
    return folder / f"board-{hashlib.sha256(os.fsencode(os.pathsep.join(map(str, stores)))).hexdigest()[:16]}.index"


def _only_mine(path: Path) -> bool:
    facts = path.stat()
    return facts.st_uid == os.geteuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _name(statement: Statement) -> str:
    """Name a record by all that is signed, whoever signed it."""
    return hashlib.sha256(canonical_json(statement.model_dump(exclude={"public_key"}))).hexdigest()


def _seal(payload: bytes | memoryview) -> bytes:
    """Tell whether a file is whole and made by this code; against forgers there are only the rights of the folder."""
    seal = hashlib.sha256(made_by())
    seal.update(payload)  # no copy: the index of 5,000 records has 400 MB
    return seal.digest()


def _read(path: Path) -> dict[str, Condensed]:
    try:
        if not _only_mine(path):
            return {}
        content = memoryview(read_regular(path, MAX_CACHE_BYTES))
        payload = content[_SEAL_BYTES:]
        return _parsed(payload) if _seal(payload) == bytes(content[:_SEAL_BYTES]) else {}
    except FileNotFoundError:
        logger.debug("%s is not there yet; all records are parsed", path)
        return {}
    except _UNUSABLE as error:
        logger.warning("%s cannot be used; all records are parsed again: %s", path, error)
        return {}


def _parsed(payload: memoryview) -> dict[str, Condensed]:
    table = pa.ipc.open_stream(pa.py_buffer(payload)).read_all()
    table.validate(full=True)
    parts = (_parts(table["numbers"], NUMBERS), _parts(table["seeds"], SEEDS))
    entries = map(_entry, table["entry"].to_pylist(), _columns(table["columns"]))
    kept = map(_evidence, table["evidence"].to_pylist(), table["images"])
    return {
        name: Condensed(entry, numbers, seeds, evidence=evidence)
        for name, entry, numbers, seeds, evidence in zip(table["name"].to_pylist(), entries, *parts, kept, strict=True)
    }


def _columns(cells: pa.ChunkedArray) -> Iterator[tuple[Column, ...]]:
    """Read the columns of every record; those that are equal are one object."""
    kinds = cells.combine_chunks()
    known = [_COLUMNS.validate_json(text) for text in kinds.dictionary.to_pylist()]
    yield from (known[kind] for kind in kinds.indices.to_pylist())


def _entry(text: str, columns: tuple[Column, ...]) -> Entry:
    return replace(_ENTRY.validate_json(text), columns=columns)


def _evidence(facts: str, images: pa.ListScalar) -> Evidence | None:
    """Read the evidence of one record: numbers as JSON, and one float32 per test image."""
    if not facts:
        return None
    value, num_models, models, rest, gaps = json.loads(facts)
    images_N = np.asarray(images.values, np.float64)
    score = Population(value, num_models, models, rest, images_N)
    return Evidence(score, tuple(SettingGap(*gap) for gap in gaps))


def _evidence_facts(kept: Evidence | None) -> str:
    if kept is None:
        return ""
    score, gaps = kept.score, [astuple(gap) for gap in kept.gaps]
    return json.dumps([score.value, score.num_models, score.models, score.rest, gaps])


def _serialised(kept: Mapping[str, Condensed]) -> bytes:
    """Write one row per record: name, facts as JSON, its two tables nested in a cell each, and its evidence."""
    texts = {name: text for name, each in kept.items() if (text := _as_json(each.entry))}
    rows = [kept[name] for name in texts]
    columns = {
        "name": pa.array(list(texts), pa.string()), "entry": pa.array(list(texts.values()), pa.string()),
        "columns": pa.array([_columns_as_json(each.entry.columns) for each in rows], pa.string()).dictionary_encode(),
        "numbers": _nested([each.numbers for each in rows], NUMBERS),
        "seeds": _nested([each.seeds for each in rows], SEEDS),
        "evidence": pa.array([_evidence_facts(each.evidence) for each in rows], pa.string()),
        "images": pa.array([each.evidence.score.images_N if each.evidence else [] for each in rows],
                           pa.list_(pa.float32())),
    }  # fmt: skip
    table, sink = pa.table(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _as_json(entry: Entry) -> str:
    """Write the facts of a record; empty where they would not come back as they are, which is then parsed again."""
    try:
        text = _ENTRY.dump_json(replace(entry, columns=())).decode()
        return text if _entry(text, entry.columns) == entry else ""
    except ValueError as error:
        logger.debug("the facts of %s cannot be kept; it is parsed again every time: %s", entry.path, error)
        return ""


@lru_cache(maxsize=64)
def _columns_as_json(columns: tuple[Column, ...]) -> str:
    return _COLUMNS.dump_json(columns).decode()


def _nested(tables: list[pa.Table], schema: pa.Schema) -> pa.ListArray:
    ends = np.cumsum([0, *(table.num_rows for table in tables)])
    rows = pa.concat_tables([schema.empty_table(), *tables]).to_struct_array().combine_chunks()
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), rows)


def _parts(cells: pa.ChunkedArray, schema: pa.Schema) -> list[pa.Table]:
    lists = cells.combine_chunks()
    rows, ends = pa.Table.from_struct_array(lists.values).cast(schema), lists.offsets.to_pylist()
    return [rows.slice(start, end - start) for start, end in pairwise(ends)]


def _drop_oldest(folder: Path) -> None:
    found = sorted(folder.glob("board-*.index"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in found[MAX_FILES:]:
        path.unlink(missing_ok=True)
