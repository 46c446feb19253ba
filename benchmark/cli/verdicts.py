"""What `fmn verify` and `fmn keys` show: a verdict for every record, and what others need to believe this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from benchmark.printable import masked
from benchmark.recording.record_files import record_paths
from benchmark.recording.signing_keys import PublicKey, Role
from benchmark.recording.verify import Verdict
from benchmark.spec import Problem, UserError

_SIGNS = {"isolated": "runs in containers", "unisolated": "runs without a sandbox"}


def record_files(places: Sequence[Path]) -> Iterator[Path]:
    """Find the records that are meant: files themselves, and those in folders as a store keeps them.

    Raises:
        UserError: a place does not exist, or is a folder without records.
    """
    for place in places:
        if not place.is_dir():
            if not place.exists():
                raise UserError([Problem("RECORD", "a record, or a folder of records", f"{place}: no such file")])
            yield place
            continue
        root = place / "records" if (place / "records").is_dir() else place
        found = [*record_paths(root, ""), *record_paths(root)]
        if not found:
            raise UserError([Problem("RECORD", "a folder with records (*.json or *.json.gz) in it", str(place))])
        yield from found


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Show a line per record; names of files and whatever records say are foreign text and shown as such."""
    table = Table()
    for heading in ("record", "signed by", "isolation", "verdict"):
        table.add_column(heading, overflow="fold")
    for each in verdicts:
        name = masked(f"{each.path.parent.name}/{each.path.name}")
        verdict = Text("good", "green") if not each.problem else Text(masked(each.problem), "red")
        table.add_row(Text(name), Text(masked(each.signer or "-")), Text(each.isolation or "-"), verdict)
    return table


def summary(verdicts: Sequence[Verdict]) -> str:
    """Say how many records are to be believed."""
    bad = sum(bool(each.problem) for each in verdicts)
    noun = "record" if len(verdicts) == 1 else "records"
    verb = "is" if bad == 1 else "are"
    return f"{bad} of {len(verdicts)} {noun} {verb} not to be believed" if bad else f"{len(verdicts)} {noun}, all good"


def keys_text(keys: Mapping[Role, PublicKey], folder: Path) -> str:
    """Say which keys this machine signs with, where they are, and what others paste to believe them."""
    lines = [f"{role:<10}  key {key.id}  signs {_SIGNS[role]}" for role, key in keys.items()]
    lines += ["", f"The private halves are in {folder}; whoever reads them can sign as this machine.", ""]
    lines += ["Who believes this machine adds to its trusted_keys.yaml (FMN_TRUSTED_KEYS names it):", "", "keys:"]
    for role, key in keys.items():
        lines += ["  - name: YOUR SITE", f"    key: {key.text}", f"    signs: [{role}]"]
    return "\n".join(lines)
