"""The verbs about records: who signed them, what they come to again, copies, MLflow, and the keys of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli.faults import demand_folder

if TYPE_CHECKING:
    from benchmark.recording.record import EvaluationRecord

record_verbs = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)

TrustedKeys = Annotated[
    Path | None,
    typer.Option(help="List of trusted keys; by default what FMN_TRUSTED_KEYS names, or what comes with the code."),
]


@record_verbs.command(epilog="Examples:  fmn verify   |   fmn verify results --recompute   |   fmn verify RECORD.json")
def verify(
    records: Annotated[
        list[Path] | None, typer.Argument(help="Records, or folders of them; by default all under FMN_HOME.")
    ] = None,
    trusted_keys: TrustedKeys = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Also compute what the outcomes beside a record determine again.")
    ] = False,
) -> None:
    """Check who signed records, and that nothing was changed since; exits with 1 if any is not to be believed."""
    from rich.console import Console

    from benchmark.cli.verdicts import record_files, summary, verdict_table
    from benchmark.recording.record_files import record_paths
    from benchmark.recording.trust import demand_trust
    from benchmark.recording.verify import judge
    from benchmark.store.layout import Home

    trust = demand_trust(trusted_keys)
    store = Home.from_environment().records
    if not records and not any(record_paths(store)):
        print(f"no records under {store} yet; `fmn evaluate simclr` makes one")
        return
    verdicts = [judge(path, trust) for path in record_files(records or [store])]
    Console().print(verdict_table(verdicts))
    print(summary(verdicts))
    holds = not any(each.problem for each in verdicts)
    if recompute:
        from benchmark.cli.recomputation import recomputation_table, recompute_record

        found = [recompute_record(each.path, trust) for each in verdicts if not each.problem]
        Console().print(recomputation_table(found))
        holds = holds and all(each.holds for each in found)
    if not holds:
        raise typer.Exit(1)


@record_verbs.command(epilog="Example:  fmn derive results/digits-1.0/*.json.gz --out ./derived --note 'why'")
def derive(
    records: Annotated[list[Path], typer.Argument(help="Records (JSON) with their outcomes beside them.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; it must not hold the originals.")],
    note: Annotated[str, typer.Option(help="Why, and what is known of the originals: for people.")] = "",
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Take records without a signature too: you vouch for them.")
    ] = False,
    key_version: Annotated[
        str, typer.Option(help="Version of the training code that made the states, where originals do not say it.")
    ] = "",
    pack: Annotated[bool, typer.Option("--pack", help="Write the outcomes smaller; no value changes.")] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="Column of the outcomes that is left out once all is computed; packs too.")
    ] = None,
    trusted_keys: TrustedKeys = None,
) -> None:
    """Compute what the outcomes of records determine by today's definitions, and sign records of their own with it."""
    from benchmark.evaluation.derived_record import NOTE, derive_record
    from benchmark.recording.trust import demand_trust
    from benchmark.recording.verify import in_words
    from benchmark.spec import UserError

    trust = demand_trust(trusted_keys)
    demand_folder(out, "--out", "a folder to write records to")
    for path in records:
        try:
            derived = derive_record(
                path, out, trust, note=note or NOTE, unsigned=unsigned, key_version=key_version,
                without=tuple(without or ()) if pack or without else None,
            )  # fmt: skip
        except UserError:
            raise
        except (ValueError, OSError, RecursionError) as error:
            print(f"not derived: {path}: {in_words(error)}", file=sys.stderr)
            raise typer.Exit(2) from None
        print(f"derived {derived.path}: {derived.num_numbers} kinds of numbers computed again")


@record_verbs.command(epilog="Example:  fmn ship runs/records/digits-1.0/*.json")
def ship(
    records: Annotated[list[Path], typer.Argument(help="Records (JSON), signed by a trusted key.")],
    results: Annotated[Path, typer.Option(help="Folder that ships with the code.")] = Path("results"),
) -> None:
    """Copy records, and all that belongs to them, to where everybody's leaderboard shows them."""
    from benchmark.recording.shipping import ship as copy_record
    from benchmark.recording.trust import load_trust
    from benchmark.store.layout import Home

    trust, home = load_trust(), Home.from_environment().root
    demand_folder(results, "--results", "the folder that ships with the code")
    for record in records:
        try:
            print(f"shipped {copy_record(record, home, results, trust)}")
        except (ValueError, OSError) as error:
            print(f"not shipped: {record}: {error}", file=sys.stderr)
            raise typer.Exit(2) from None


@record_verbs.command(epilog="Examples:  fmn receive my_method-digits-1.0.bundle   |   fmn receive FILE --dry-run")
def receive(
    bundle: Annotated[Path, typer.Argument(help="What `fmn submit` wrote, of whoever made it.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge it and show what it would add; add nothing.")
    ] = False,
    trusted_keys: TrustedKeys = None,
) -> None:
    """Judge a bundle, compute its numbers again, and add its records and code to FMN_HOME; nothing of it is run."""
    from benchmark.cli.bundles.receive import receive as take_in

    take_in(bundle, trusted_keys, dry_run=dry_run)


@record_verbs.command(epilog="Examples:  fmn keys   |   FMN_CONFIG=/etc/forget-me-not fmn keys")
def keys() -> None:
    """Show the public keys of this machine and what others add to trusted_keys.yaml; makes them on first use."""
    from benchmark.cli.verdicts import keys_text
    from benchmark.recording.signing_keys import ROLES, signing_key
    from benchmark.settings import read_settings
    from benchmark.store.layout import Home

    root = Home.from_environment().root
    print(keys_text({role: signing_key(role, away_from=root).public for role in ROLES}, read_settings().config_folder))


@record_verbs.command(name="rebuild-mlflow", epilog="Example:  fmn rebuild-mlflow")
def rebuild_mlflow() -> None:
    """Project every record into MLflow again."""
    from benchmark.printable import counted
    from benchmark.recording.archive import RejectedRecord, each_record
    from benchmark.recording.tracking.address import tracking_uri
    from benchmark.recording.tracking.projection import MlflowException, rebuild
    from benchmark.spec import Problem, UserError
    from benchmark.store.claim import taken
    from benchmark.store.layout import MLFLOW_CLAIM, Home

    home = Home.from_environment()
    if not home.records.is_dir():
        got = f"no records in {home.root}" if home.root.is_dir() else f"{home.root} is not there"
        raise UserError([Problem("FMN_HOME", "a home in which something was evaluated", got)])
    rejected: list[RejectedRecord] = []

    def good() -> Iterator[tuple[EvaluationRecord, Path]]:
        for each in each_record(home.records):
            if not isinstance(each, RejectedRecord):
                yield each
                continue
            rejected.append(each)
            print(f"left out {each.path}: {each.why}", file=sys.stderr)

    try:
        with taken(home.claims / MLFLOW_CLAIM, "fmn rebuild-mlflow", lambda text: print(text, file=sys.stderr)):
            rebuilt = rebuild(good(), home.root)
        print(f"in MLflow: {counted(rebuilt.num_records, 'record')}, {rebuilt.num_written} written now")
    except MlflowException as error:
        print(f"MLflow does not answer at {tracking_uri(home.root)}: {error.message}", file=sys.stderr)
        raise typer.Exit(1) from None
    if rejected:
        raise typer.Exit(1)
