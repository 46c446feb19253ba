"""What `fmn verify --recompute` does and shows: the numbers of records beside what their outcomes give again.

It owns the comparison. The numbers themselves come from `benchmark.scoring.recompute`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmark.evaluation.derived_record import areas_beside, numbers_again
from benchmark.printable import masked
from benchmark.recording.archive import outcomes_path
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import PLAIN, plain_name
from benchmark.recording.trust import Trust
from benchmark.recording.verify import check_attachments, in_words, open_record
from benchmark.scoring.areas import AreaKey, Areas
from benchmark.scoring.definitions import is_comparable, outdated_lines
from benchmark.scoring.floors import FLOOR_PREFIX
from benchmark.scoring.metric import Estimate, within
from benchmark.scoring.recompute import DETERMINED_BY, Recomputed, Values
from benchmark.scoring.statistics.ranges import unprefixed
from benchmark.spec import UserError

TOLERANCE = 1e-6
"""Largest difference of a number from its repetition; relative where the number is above 1. Outcomes are float32."""

LOOSE: Mapping[str, float] = {"prune_potential/": 1e-4, "robustness/knowledge_kept": 1e-5, "knowledge/kept": 1e-5}
"""Where a sparsity is read off a curve, or a number is divided by a small one: that multiplies float32's rounding."""

LOOSE_BOUNDS: Mapping[str, float] = {"prune_potential/": 5e-3}
"""Bounds that are percentiles of draws. Draws that lie on the threshold to the last bit fall to either side of it on
another processor, whose sums have another last bit; a percentile then moves to the next draw."""

Source = Literal["outcomes", "runs", "word"]
"""What a number was compared with: outcomes, an average over what runs say, or nothing (the signer's word)."""

_OF_CORRUPTION = "prune_potential/corruption:"
_MAX_NAMED = 3


@dataclass(frozen=True)
class Recomputation:
    """What came of computing the numbers of one record again.

    Attributes:
        counts: of its numbers, by what they were compared with.
        worst: largest difference found, in the unit of its number.
        differing: places and names of the numbers that differ, with both values.
        problem: why nothing could be computed; empty where it was.
        skipped: a sentence per metric that has another version today, whose numbers are therefore not compared.
        word: names of the numbers of which some are the signer's word; `GROUP/*` where all of a group are.
        absent: columns that the outcomes lack, and a record with these numbers was made from.
        origin: what a derived record says of where it comes from; empty for others.
    """

    path: Path
    counts: Mapping[Source, int]
    worst: float
    differing: tuple[str, ...]
    problem: str = ""
    skipped: tuple[str, ...] = ()
    word: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    origin: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything that could be computed again is as the record says."""
        return not self.problem and not self.differing


@dataclass(frozen=True)
class _Pair:
    """A number of a record, what it came to again, and what that was made from."""

    where: str
    name: str
    said: float | None
    again: float | None
    source: Source

    @property
    def number(self) -> str:
        return self.name.partition(" (")[0]

    @property
    def is_bound(self) -> bool:
        return self.number != self.name

    @property
    def difference(self) -> float:
        if self.source == "word" or self.said == self.again:
            return 0.0
        return math.inf if self.said is None or self.again is None else abs(self.said - self.again)

    @property
    def agrees(self) -> bool:
        number, loose = unprefixed(self.name), (*(LOOSE_BOUNDS.items() if self.is_bound else ()), *LOOSE.items())
        allowed = next((most for group, most in loose if number.startswith(group)), TOLERANCE)
        return self.difference <= allowed * max(1.0, abs(self.said or 0.0))


def recompute_record(path: Path, trust: Trust) -> Recomputation:
    """Compute the numbers of a record again from the file beside it; whatever hinders that becomes a sentence."""
    try:
        record = open_record(path, trust).record
        check_attachments(path, record)
        areas = areas_beside(path, record)
        outcomes = pq.read_table(outcomes_path(path))
        again = numbers_again(record, outcomes, areas)
        pairs = [
            each for each in _pairs(record, again)
            if is_comparable(each.number, is_bound=each.is_bound, made_under=record.definitions)
        ]  # fmt: skip
        pairs += [] if areas is None else _of_areas(areas, again.areas)
    except UserError as error:
        return Recomputation(path, {}, 0.0, (), f"its specification cannot be read: {error}")
    except (OSError, ValueError, LookupError, TypeError, RecursionError, pa.ArrowException) as error:
        return Recomputation(path, {}, 0.0, (), in_words(error) or type(error).__name__)
    differing = [f"{each.where}: {each.name}: {each.said} in the record, {each.again} again" for each in pairs
                 if not each.agrees]  # fmt: skip
    counts = Counter[Source](each.source for each in pairs)
    skipped = tuple(outdated_lines(record.definitions))
    worst = max((each.difference for each in pairs), default=0.0)
    origin = "" if record.derived is None else record.derived.note
    absent = tuple(_absent(record, outcomes.column_names))
    return Recomputation(path, counts, worst, tuple(differing), "", skipped, tuple(_word(pairs)), absent, origin)


def _word(pairs: Sequence[_Pair]) -> Iterator[str]:
    """Name the numbers that nothing is known of but what the signer says."""
    names = {"word": set[str](), "outcomes": set[str](), "runs": set[str]()}
    for each in pairs:
        names[each.source].add(unprefixed(each.number).partition(":")[0])
    checked = {name.partition("/")[0] for name in names["outcomes"]}
    groups = {name.partition("/")[0] for name in names["word"]}
    for group in sorted(groups):
        mine = sorted(name for name in names["word"] if name.partition("/")[0] == group)
        yield from mine if group in checked else (f"{group}/*",)


def _absent(record: EvaluationRecord, columns: Sequence[str]) -> Iterator[str]:
    """Yield columns that the outcomes lack although the record has a number of a run that comes from them."""
    known = {name for run in record.runs for name in run.metrics}
    for column, numbers in DETERMINED_BY.items():
        if column not in columns and known.intersection(numbers):
            yield column


def _exact(sparsity: float) -> Decimal:
    return Decimal(repr(sparsity))


def _pairs(record: EvaluationRecord, again: Recomputed) -> Iterator[_Pair]:
    for run in record.runs:
        if run.status == "finished":
            found = again.runs[run.task, run.schedule, _exact(run.sparsity), run.seed]
            yield from _of_run(f"{run.task} {run.schedule} {run.sparsity:g} seed {run.seed}", run.metrics, found)
    for cell in record.cells:
        where = f"{cell.task} {cell.schedule} {cell.sparsity:g}"
        found = again.cells.get((cell.task, cell.schedule, _exact(cell.sparsity)), {})
        yield from _of_estimates(where, _cut(cell.metrics, cell.num_models), found, again.words)
    num_models = len({run.seed for run in record.runs})
    yield from _of_estimates("summary", _cut(record.summary, num_models), again.summary, again.words)
    yield from _of_estimates("floor", _cut(record.floor or {}, num_models), again.floor, again.words)


def _cut(said: Mapping[str, Estimate], num_models: int) -> dict[str, Estimate]:
    """Cut the intervals of a record to what is possible, as is done today; older records did not."""
    return {name: within(name, each, num_models) for name, each in said.items()}


def _of_run(where: str, said: Values, again: Mapping[str, float]) -> Iterator[_Pair]:
    for name, value in said.items():
        number = again.get(name)
        repeated = number if number is not None and math.isfinite(number) else None
        yield _Pair(where, name, value, repeated, "outcomes" if name in again else "word")


def _of_estimates(
    where: str, said: Mapping[str, Estimate], again: Mapping[str, Estimate], words: frozenset[str]
) -> Iterator[_Pair]:
    """Compare value and bounds of numbers.

    A number that is not computed any more is the signer's word. Where nothing at all is computed, as for a summary
    although a run is missing, every number differs.
    """
    for name, one in said.items():
        two = again.get(name, Estimate(value=None))
        number = unprefixed(name)
        source: Source = "runs" if number in words or number.startswith(_OF_CORRUPTION) else "outcomes"
        if again and name not in again:
            source = "word"
        bounds = (("", one.value, two.value), (" (low)", one.low, two.low), (" (high)", one.high, two.high))
        for suffix, first, second in bounds:
            if suffix == "" or first is not None or second is not None:
                yield _Pair(where, f"{name}{suffix}", first, second, source)


def _of_areas(said: Mapping[AreaKey, Areas], again: Mapping[AreaKey, Areas]) -> Iterator[_Pair]:
    """Compare the areas of every run at the test image where they differ most; untrained encoders are no runs."""
    trained = {key for key in said if not key[1].startswith(FLOOR_PREFIX)}
    for key in sorted(trained | again.keys()):
        where = f"{key[0]} {key[1]} seed {key[2]}"
        one_N, two_N = said.get(key), again.get(key)
        if one_N is None or two_N is None or one_N.shape != two_N.shape:
            one, two = (None if each is None else float(len(each)) for each in (one_N, two_N))
            yield _Pair(where, "number of areas", one, two, "outcomes")
            continue
        worst = int(abs(one_N - two_N).argmax())
        yield _Pair(where, f"area of image {worst}", float(one_N[worst]), float(two_N[worst]), "outcomes")


def recomputation_table(found: Sequence[Recomputation]) -> Group:
    """Show a line per record, then what differs, then what nobody but the signer vouches for."""
    table = Table()
    for heading in ("record", "from outcomes", "averaged again", "signer's word", "largest difference", "verdict"):
        table.add_column(heading, overflow="fold")
    for each in found:
        numbers = [str(each.counts.get(source, 0)) for source in ("outcomes", "runs", "word")]
        verdict = each.problem or (f"{len(each.differing)} numbers differ" if each.differing else "")
        shown = Text(masked(verdict), "red") if verdict else Text("agrees", "green")
        name = Text(masked(f"{each.path.parent.name}/{each.path.name}"))
        table.add_row(name, *numbers, "-" if each.problem else f"{each.worst:.1e}", shown)
    lines = [Text(masked(f"{each.path.name}: {line}"), "red") for each in found for line in _named(each)]
    lines += [Text(masked(line)) for line in dict.fromkeys(line for each in found for line in each.skipped)]
    lines += [Text(masked(line)) for line in _told(found)]
    return Group(table, *lines, Text(
        "From outcomes: computed again from the parquet beside the record, compared at 1e-6 (looser where a number "
        "multiplies rounding). Averaged again: means of what single runs say, which stays the "
        "signer's word for each run. Signer's word: nothing here says whether it "
        "is right; so are the labels, the cost, the references and which weights were read."
    ))  # fmt: skip


def _told(found: Sequence[Recomputation]) -> Iterator[str]:
    """Say which numbers nobody but the signer vouches for, once for all records of which the same holds."""
    alike: dict[str, list[str]] = {}
    for each in found:
        for line in _of_signer(each):
            alike.setdefault(line, []).append(plain_name(each.path).removesuffix(PLAIN))
    for line, names in alike.items():
        more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
        yield f"{', '.join(names[:_MAX_NAMED])}{more}: {line}"


def _of_signer(each: Recomputation) -> Iterator[str]:
    if each.word:
        yield f"the signer's word: {', '.join(each.word)}"
    if each.absent:
        numbers = ", ".join(name for column in each.absent for name in DETERMINED_BY[column])
        yield f"its outcomes lack {', '.join(each.absent)}, from which {numbers} would be computed again"
    if each.origin:
        yield f"derived, as its signer says: {each.origin}"


def _named(each: Recomputation) -> Iterator[str]:
    yield from each.differing[:_MAX_NAMED]
    if len(each.differing) > _MAX_NAMED:
        yield f"and {len(each.differing) - _MAX_NAMED} more"
