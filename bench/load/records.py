"""What commands take where a home holds many records: `python -m bench.load.records [SIZE ...]`, by default 500 5000.

Records are copies of all that ship on `digits` in turn, cut to twelve runs of three models, which boards test, each
with a name, a key and a signature of its own. A tenth of the smallest number is measured first. What a further record
costs between two sizes says whether a command grows faster than their number.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.commands.rebuild_mlflow import ShippedCopies
from bench.commands.timed import Spent, environment_in, machine, run

SIZES = (500, 5000)
NUM_MODELS = 3
FASTER = 1.5
"""How many times as much as before a further record costs where a command is said to grow faster than their number."""

COMMANDS: dict[str, tuple[str, list[str]]] = {
    "`fmn status`": ("benchmark", ["status"]),
    "`fmn verify`": ("benchmark", ["verify"]),
    "the board's ranking, first opening ever": ("bench.load.ranking", []),
    "the board's ranking, a new server": ("bench.load.ranking", []),
    "`fmn rebuild-mlflow`": ("benchmark", ["rebuild-mlflow"]),
    "the same again, nothing to write": ("benchmark", ["rebuild-mlflow"]),
    "`fmn gc`": ("benchmark", ["gc"]),
}
"""By what it is called: the module, and the words after it. In this order: the second of two finds what the first made.
"""


@dataclass(frozen=True)
class Growth:
    """What a further record costs of a command.

    Attributes:
        before_s: processor seconds per record up to the smaller number of records.
        after_s: and from there to the larger one.
        bytes_each: of memory that each of these took; less than nothing is noise.
    """

    before_s: float
    after_s: float
    bytes_each: float

    @property
    def is_faster(self) -> bool:
        """Whether the command grows faster than the number of records."""
        return self.after_s > FASTER * max(self.before_s, 0.0) and self.after_s > 1e-4  # noise of a thousand records


def measure(num_records: int, commands: dict[str, tuple[str, list[str]]]) -> Iterator[tuple[str, Spent]]:
    """Write so many records and run every command; yields what each took, none records for an empty home.

    Raises:
        CalledProcessError: a command has failed; holds what it said.
    """
    with tempfile.TemporaryDirectory(prefix="fmn-load-") as folder:
        environment, home = environment_in(folder), Path(folder, "HOME")
        os.environ.update(environment)
        copies = ShippedCopies(several=True, models=NUM_MODELS)
        for number in range(num_records):
            copies.write(number, home)
            if number % 100 == 99:
                print(f"\rwrote {number + 1} of {num_records} records ", end="", file=sys.stderr, flush=True)
        for name, (module, words) in commands.items():
            print(f"\r{name} of {num_records} records      ", end="", file=sys.stderr, flush=True)
            yield name, run(words, environment, folder, module)
        shutil.rmtree(home)


def growths(found: dict[int, dict[str, Spent]]) -> dict[str, Growth]:
    """Compare what a further record costs between the smallest two and the largest two of three sizes."""
    (first, second), (third, fourth) = tuple(pairwise(sorted(found)))[-2:]

    def per_record(name: str, low: int, high: int) -> float:
        return (found[high][name].processor_s - found[low][name].processor_s) / (high - low)

    return {
        name: Growth(
            per_record(name, first, second), per_record(name, third, fourth),
            (found[fourth][name].peak_bytes - found[third][name].peak_bytes) / (fourth - third),
        )
        for name in found[fourth]
    }  # fmt: skip


def table(found: dict[int, dict[str, Spent]]) -> str:
    """Return a Markdown table: a command per line, its wall time, processor time and peak of memory at every size."""
    sizes = sorted(found)
    lines = [
        f"| command | {' | '.join(f'{size:,} records' for size in sizes)} | a further record |",
        f"|---|{'---|' * len(sizes)}---|",
    ]
    compared = growths(found) if len(sizes) > 2 else {}
    for name in found[sizes[-1]]:
        cells = [f"{each.wall_s:.1f} s, {each.processor_s:.1f} s of processor, {each.peak_bytes / 2**20:.0f} MiB"
                 for each in (found[size][name] for size in sizes)]  # fmt: skip
        growth = compared.get(name)
        further = "" if growth is None else f"{1000 * growth.before_s:.2f}, then {1000 * growth.after_s:.2f} ms, "
        further += "" if growth is None else f"{growth.bytes_each / 1024:.0f} KiB"
        lines.append(f"| {name} | {' | '.join(cells)} | {further} |")
    return "\n".join(lines)


def main(sizes: list[int]) -> None:
    """Measure at each size, and print a table and what grows faster than the number of records."""
    print(machine(), flush=True)
    found: dict[int, dict[str, Spent]] = {}
    for size in (min(sizes) // 10, *sizes):
        found[size] = dict(measure(size, COMMANDS))
        print(f"\r{'':<60}\r{size} records: measured", file=sys.stderr, flush=True)
    print(table(found))
    for name, growth in growths(found).items() if len(found) > 2 else ():
        if growth.is_faster:
            print(f"{name} grows faster than the number of records: {1000 * growth.before_s:.2f} ms, then "
                  f"{1000 * growth.after_s:.2f} ms for a further one")  # fmt: skip


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SIZES))
