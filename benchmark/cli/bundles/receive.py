"""`fmn receive`: judges a bundle, computes its numbers again, shows what it would add, and only then adds it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.bundles.adding import add, place_of
from benchmark.bundles.judging import Judged, judge_bundle
from benchmark.bundles.packing import MAX_BUNDLE_BYTES, BadBundle
from benchmark.bundles.sealing import Bundle, unseal
from benchmark.cli.bundles.apart import recompute_apart
from benchmark.cli.recomputation import recomputation_table
from benchmark.files.bounded import read_regular
from benchmark.printable import counted, masked
from benchmark.recording.trust import Trust, demand_trust
from benchmark.recording.verify import in_words
from benchmark.shipped import command_words
from benchmark.spec import Problem, UserError
from benchmark.store.layout import Home


def receive(path: Path, trusted_keys: Path | None, *, dry_run: bool) -> None:
    """Add the records and the code of a bundle to `FMN_HOME`, if everything about it holds; else add nothing.

    Raises:
        UserError: the bundle is refused; says why in one sentence.
    """
    trust, home = demand_trust(trusted_keys), Home.from_environment()
    with tempfile.TemporaryDirectory(prefix="fmn-receive-") as folder:
        packed = _read(path)
        try:
            bundle = unseal(packed)
            judged = judge_bundle(bundle, Path(folder), trust)
            _compute_again(judged)
        except BadBundle as error:
            raise _refused(path, str(error)) from None
        _show(bundle, judged, trust, home)
        if dry_run:
            print("nothing was added")
            return
        added = add(judged, home)
    print(f"{counted(len(added), 'record')} of {judged.admitted.name} in {home.records}; its code was not run")
    print(f"leaderboard  {command_words('make leaderboard', 'fmn leaderboard')}")


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_BUNDLE_BYTES)
    except (OSError, ValueError) as error:
        raise _refused(path, in_words(error)) from None


def _refused(path: Path, why: str) -> UserError:
    return UserError([Problem(str(path), "a bundle of exactly the files that were signed", masked(why))])


def _compute_again(judged: Judged) -> None:
    found = recompute_apart([each.path for each in judged.records])
    Console().print(recomputation_table(found))
    for each in found:
        if not each.holds:
            why = each.problem or f"{each.differing[0]} ({counted(len(each.differing), 'number')} differ)"
            raise BadBundle(f"{each.path.name}: {why}")


def _show(bundle: Bundle, judged: Judged, trust: Trust, home: Home) -> None:
    """Show what would be added, and who says so; texts of the bundle are foreign and shown as such."""
    table = Table(title="to be added", title_justify="left")
    for heading in ("record", "signed by", "isolation", "on the board"):
        table.add_column(heading, overflow="fold")
    for each in judged.records:
        place = place_of(each, home)
        state = "already there" if place.is_file() else "shown" if each.is_trusted else "named, not shown"
        who = f"{each.signer.name} ({each.signer.key.id})"
        name = f"{place.parent.name}/{place.name}"
        table.add_row(Text(name), Text(masked(who)), Text(each.record.isolation), Text(state))
    Console().print(table)
    sender = trust.signers.get(bundle.key)
    print(f"code {judged.admitted.code_digest[:16]} of {judged.admitted.name}; the bundle is signed by "
          f"{masked(sender.name) if sender else 'nobody who is trusted here'} ({bundle.key.id})")  # fmt: skip
    for warning in judged.admitted.warnings:
        print(f"for review: {masked(warning)}")
    unknown = {each.signer.key.text for each in judged.records if not each.is_trusted}
    if unknown:
        print("the board names these records and shows no number of them, until their keys are in trusted_keys.yaml: "
              f"{', '.join(sorted(unknown))}")  # fmt: skip
