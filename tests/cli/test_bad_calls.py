"""Every door with wrong input: flags, names, files, specifications, submissions and variables of the environment.

Nothing that a user can cause ends in a traceback of ours. Each call ends with an exit code that is not 0 and with words
that name what was wrong: one line per problem, none longer than what a person reads.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from benchmark.cli import app
from tests.conftest import TINY
from tests.executors.submissions import write_submission

MANY = 10
"""Most lines of words about one wrong call, what is wrong with a document and the usage that typer prints included."""

MOST_CHARACTERS = 1500


@dataclass(frozen=True)
class Case:
    """A wrong call.

    Attributes:
        words: of the command line; `{here}` is an empty folder, `{tiny}` a right specification, `{plain}` a right
            submission, `{spec}` and `{submission}` what the two fields below make.
        says: what its words must name.
        spec: changes of the tiny specification, as (old, new); or a whole text.
        submission: the text of a file of a submission, by name.
        environment: variables.
    """

    words: str
    says: str
    spec: tuple[str, str] | str | None = None
    submission: dict[str, str] | None = None
    environment: dict[str, str] = field(default_factory=dict[str, str])


MANIFEST = 'name: bad\nauthors: [Nobody]\ndescription: "Wrong."\nsupervision: labels\n'
METHOD = "from benchmark.method.contract import Method\n\n\nclass Bad(Method):\n    def loss(self, encoder, views, labels):\n        return encoder(views[0]).sum()\n"  # noqa: E501

FLAGS = [
    Case("", "Usage"),
    Case("fly", "fly"),
    Case("--fly", "--fly"),
    Case("evaluate", "submission"),
    Case("evaluate {plain} more", "more"),
    Case("evaluate {plain} --spec", "--spec"),
    Case("evaluate {plain} --executor fly", "fly"),
    Case("evaluate {plain} --device tpu", "tpu"),
    Case("evaluate {plain} --spec {tiny} --executor process --device cuda", "GPU"),
    Case("plan {plain} --spec {tiny} --executor process --device cuda", "GPU"),
    Case("rescore {plain} --spec {tiny} --executor process --device cuda", "GPU"),
    Case("plan {plain} --device", "--device"),
    Case("check {plain} --device cpu", "--device"),
    Case("leaderboard --port eighty", "--port"),
    Case("leaderboard --port 8655000", "--port"),
    Case("leaderboard --port -1", "--port"),
    Case("leaderboard --port 0", "--port"),
    Case("leaderboard --trusted-keys {here}/none.yaml", "none.yaml"),
    Case("export /proc/x", "/proc/x"),
    Case("export {tiny}", "tiny.yaml"),
    Case("export {here}/site --trusted-keys {here}/none.yaml", "none.yaml"),
    Case("export {here}/site --trusted-keys {here}", "{here}"),
    Case("export /dev/null/site", "/dev/null"),
    Case("verify {here}", "{here}"),
    Case("verify {here}/none.json", "none.json"),
    Case("verify {tiny}", "tiny.yaml"),
    Case("verify {tiny} --recompute", "tiny.yaml"),
    Case("verify --trusted-keys {here}/none.yaml", "none.yaml"),
    Case("verify --trusted-keys {tiny}", "tiny.yaml"),
    Case("verify /dev/null", "dev/null"),
    Case("derive {here}/none.json", "--out"),
    Case("derive {here}/none.json --out {here}/out", "none.json"),
    Case("derive {tiny} --out {here}/out", "tiny.yaml"),
    Case("derive {tiny} --out {here}/out --unsigned", "tiny.yaml"),
    Case("derive {here} --out {here}/out", "{here}"),
    Case("derive {tiny} --out {here}/out --trusted-keys {here}/none.yaml", "none.yaml"),
    Case("status", "{here}/none", environment={"FMN_HOME": "{here}/none"}),
    Case("status more", "more"),
    Case("cancel", "{here}/none", environment={"FMN_HOME": "{here}/none"}),
    Case("cancel --fly", "--fly"),
    Case("doctor more", "more"),
    Case("doctor", "WRONG", environment={"FMN_HOME": "/proc/none"}),
    Case("gc", "{here}/none", environment={"FMN_HOME": "{here}/none"}),
    Case("gc --fly", "--fly"),
    Case("ship", "records"),
    Case("ship {here}/none.json", "none.json"),
    Case("ship {tiny}", "tiny.yaml"),
    Case("ship {here}", "{here}"),
    Case("reproduce", "record"),
    Case("reproduce {here}/none.json", "none.json"),
    Case("reproduce {here}", "{here}"),
    Case("reproduce {tiny}", "tiny.yaml"),
    Case("new", "name"),
    Case("new Mine", "Mine"),
    Case("new ../mine", "../mine"),
    Case("new ''", "''"),
    Case("new _template", "_template"),
    Case("rebuild-mlflow", "{here}"),
    Case("rebuild-mlflow more", "more"),
    Case("keys more", "more"),
    Case("submit", "submission"),
    Case("submit {plain} --spec {tiny} --executor ship", "--executor"),
    Case("receive", "bundle"),
    Case("receive {here}/none.bundle", "none.bundle"),
    Case("receive {here}", "{here}"),
    Case("receive {tiny}", "tiny.yaml"),
    Case("receive /dev/null", "/dev/null"),
    Case("receive {tiny} --trusted-keys {here}/none.yaml", "none.yaml"),
    Case("report /dev/null/report.md", "/dev/null"),
    Case("report {here}", "{here}"),
    Case("report --trusted-keys {here}/none.yaml", "none.yaml"),
    Case("tune {plain} --trials 0", "--trials"),
    Case("tune {plain} --trials many", "--trials"),
    Case("tune {plain} --spec {tiny} --executor process", "search_space"),
]

PLACES = [
    Case("submit {plain} --spec {tiny} --executor process --out {here}", "--out: expected a file"),
    Case("submit {plain} --spec {tiny} --executor process --out {tiny}/a.bundle", "tiny.yaml is no folder"),
    Case("submit {plain} --spec {tiny} --executor process --out /proc/none/a.bundle", "can be written in /proc"),
    Case("submit {plain} --spec {tiny} --executor process --out /dev/full", "a pipe or device"),
    Case("derive {tiny} --out {tiny}", "--out: expected a folder"),
    Case("derive {tiny} --out {tiny}/out", "tiny.yaml is no folder"),
    Case("derive {tiny} --out /proc/none", "nothing can be written in /proc"),
    Case("ship {tiny} --results {tiny}", "--results: expected the folder"),
    Case("ship {tiny} --results /proc/none", "nothing can be written in /proc"),
    Case("export {tiny}/site", "tiny.yaml is no folder"),
    Case("report {here}", "PAGE: expected a Markdown file"),
    Case("report {here}/report", "PAGE: expected a page with an ending"),
    Case("report {tiny}/report.md", "tiny.yaml is no folder"),
    Case("report {plain}/submission.yaml/report.md", "submission.yaml is no folder"),
    Case("report /proc/none/report.md", "nothing can be written in /proc"),
    Case("report /dev/full", "a pipe or device"),
    Case("verify {plain}/none/record.json", "no such file"),
    Case("verify {tiny}/record.json", "record.json"),
    Case("gc {here}", "{here}", environment={"FMN_HOME": "{plain}"}),
    Case("gc {here}/none.json", "none.json", environment={"FMN_HOME": "{plain}"}),
    Case("gc {tiny}", "tiny.yaml", environment={"FMN_HOME": "{plain}"}),
    Case("reproduce {tiny}/record.json", "record.json"),
    Case("ship {tiny}/record.json", "record.json"),
    Case("receive {tiny}/a.bundle", "a.bundle"),
    Case("verify --trusted-keys {here}", "{here}"),
    Case("leaderboard --trusted-keys {tiny}/keys.yaml", "keys.yaml"),
    Case("plan {plain} --spec {tiny}/spec.yaml", "spec.yaml"),
    Case("plan {tiny}/plain --spec {tiny}", "plain"),
]

NAMES = [
    Case(f"{verb} {name} --spec {{tiny}} --executor process", says)
    for verb in ("evaluate", "rescore", "plan", "check", "submit", "tune")
    for name, says in (
        ("nobody", "nobody"), ("{here}/none", "none"), ("{tiny}", "tiny.yaml"), ("{here}", "submission.yaml"),
    )
] + [
    Case(f"{verb} {{plain}} --spec {spec} --executor process", says)
    for verb in ("evaluate", "plan", "check", "submit", "tune")
    for spec, says in (
        ("nobody", "nobody"), ("{here}/none.yaml", "none.yaml"), ("{here}", "{here}"), ("/dev/null", "/dev/null"),
    )
]  # fmt: skip

PLAN = "plan {plain} --spec {spec} --executor process"
SPECS = [
    Case(PLAN, "name", spec=""),
    Case(PLAN, "valid YAML", spec="{"),
    Case(PLAN, "valid YAML", spec="a:\n\tb: 1\n"),
    Case(PLAN, "name", spec="just words"),
    Case(PLAN, "name", spec="- a list\n"),
    Case(PLAN, "UTF-8", spec="name: \udcff\n"),
    Case(PLAN, "anchor", spec="a: &a [1]\nb: *a\n"),
    Case(PLAN, "wdith", spec=("width: 2", "wdith: 2")),
    Case(PLAN, "width", spec=("width: 2", "width: 0")),
    Case(PLAN, "width", spec=("width: 2", "width: .nan")),
    Case(PLAN, "epochs", spec=("epochs: 2", "epochs: -1")),
    Case(PLAN, "epochs", spec=("epochs: 2", "epochs: many")),
    Case(PLAN, "batch_size", spec=("batch_size: 128", "batch_size: 100000")),
    Case(PLAN, "sparsities", spec=("[0.5, 0.9]", "[0.5]")),
    Case(PLAN, "sparsities", spec=("[0.5, 0.9]", "[]")),
    Case(PLAN, "sparsities", spec=("[0.5, 0.9]", "[0.5, 1.0]")),
    Case(PLAN, "sparsities", spec=("[0.5, 0.9]", "[0.9, 0.5]")),
    Case(PLAN, "sparsities", spec=("[0.5, 0.9]", "0.5")),
    Case(PLAN, "models", spec=("{models: 2}", "{models: 3}")),
    Case(PLAN, "models", spec=("{models: 2}", "{models: 0}")),
    Case(PLAN, "kind", spec=("kind: gradual", "kind: sudden")),
    Case(PLAN, "begin", spec=("begin: 0.2", "begin: 0.8")),
    Case(PLAN, "tier", spec=("tier: smoke", "tier: smoky")),
    Case(PLAN, "version", spec=('version: "1.0"', "version: one")),
    Case(PLAN, "name", spec=("name: tiny", 'name: "../tiny"')),
    Case(PLAN, "dataset", spec=("{name: digits}", "{name: letters}")),
    Case(PLAN, "nowhere", spec=("{name: digits}", "{name: image_folder, path: /nowhere, size: 8}")),
    Case(PLAN, "criterion", spec=("criterion: random", "criterion: luck")),
    Case(PLAN, "name", spec=("name: shot,", "name: ramp,")),
]

CHECK = "check {submission} --spec {tiny} --executor process"
SUBMISSIONS = [
    Case(CHECK, "submission.yaml", submission={"method.py": METHOD}),
    Case(CHECK, "method.py", submission={"submission.yaml": MANIFEST}),
    Case(CHECK, "submission.yaml", submission={"submission.yaml": "{", "method.py": METHOD}),
    Case(CHECK, "supervision", submission={"submission.yaml": MANIFEST.replace("labels", "some"), "method.py": METHOD}),
    Case(CHECK, "name", submission={"submission.yaml": MANIFEST.replace("bad", "../bad"), "method.py": METHOD}),
    Case(CHECK, "optimism", submission={"submission.yaml": f"{MANIFEST}optimism: 1\n", "method.py": METHOD}),
    Case(CHECK, "method.py", submission={"submission.yaml": MANIFEST, "method.py": "x = = 1\n"}),
    Case(CHECK, "Method", submission={"submission.yaml": MANIFEST, "method.py": "x = 1\n"}),
    Case(CHECK, "timm", submission={"submission.yaml": MANIFEST, "method.py": f"import timm\n{METHOD}"}),
    Case(CHECK, "learning_rate", submission={"submission.yaml": MANIFEST, "method.py": METHOD}),
    Case(CHECK, "method.py", submission={"submission.yaml": MANIFEST, "method.py": "\udcff = 1\n"}),
    Case(CHECK, "big.py", submission={"submission.yaml": MANIFEST, "method.py": METHOD, "big.py": "#" * 300_000}),
    Case(CHECK, "weights.bin", submission={"submission.yaml": MANIFEST, "method.py": METHOD, "weights.bin": "\0"}),
]

VARIABLES = [
    Case("plan {plain} --spec {tiny} --executor process", "FMN_HOME", environment={"FMN_HOME": "/proc/none"}),
    Case("plan {plain} --spec {tiny} --executor process", "FMN_HOME", environment={"FMN_HOME": "/dev/null/home"}),
    Case("plan {plain} --spec {tiny} --executor process", "FMN_HOME", environment={"FMN_HOME": "{tiny}"}),
    Case("verify", "FMN_LOG_LEVEL", environment={"FMN_LOG_LEVEL": "loud"}),
    Case("verify", "none.yaml", environment={"FMN_TRUSTED_KEYS": "{here}/none.yaml"}),
    Case("keys", "{here}", environment={"FMN_CONFIG": "{here}/home/keys", "FMN_HOME": "{here}/home"}),
    Case("keys", "/proc/none", environment={"FMN_CONFIG": "/proc/none"}),
    Case("plan {plain} --spec {tiny} --executor docker", "DOCKER_HOST", environment={"DOCKER_HOST": "garbage"}),
    Case("plan {plain} --spec {tiny} --executor docker", "127.0.0.1", environment={"DOCKER_HOST": "tcp://127.0.0.1:1"}),
    Case("plan {plain} --spec {tiny} --executor docker", "Docker", environment={"DOCKER_HOST": "unix:///nowhere.sock"}),
    Case("evaluate {plain} --spec {tiny} --executor process", "FMN_SCORING_CHUNK_MIB",
         environment={"FMN_SCORING_CHUNK_MIB": "much"}),
    Case("evaluate {plain} --spec {tiny} --executor process", "{here}",
         environment={"FMN_CONFIG": "{here}/home/keys", "FMN_HOME": "{here}/home"}),
]  # fmt: skip

CASES = [*FLAGS, *PLACES, *NAMES, *SPECS, *SUBMISSIONS, *VARIABLES]


@dataclass(frozen=True)
class Places:
    """Where the things are that cases name."""

    here: Path
    tiny: Path
    plain: Path

    def fill(self, text: str) -> str:
        """Put paths in the place of names."""
        names = {"here": self.here, "tiny": self.tiny, "plain": self.plain}
        made = {"spec": self.here.parent / "spec.yaml", "submission": self.here.parent / "bad"}
        for name, path in {**names, **made}.items():
            text = text.replace(f"{{{name}}}", str(path))
        return text


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """An empty working directory, and beside it a right specification and a right submission."""
    here = tmp_path / "empty"
    here.mkdir()
    (tmp_path / "tiny.yaml").write_text(TINY)
    monkeypatch.chdir(here)
    monkeypatch.setenv("FMN_HOME", str(here / "home"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("COLUMNS", "300")
    return Places(here, tmp_path / "tiny.yaml", write_submission(tmp_path / "plain"))


def prepare(case: Case, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the files of a case, and set its variables."""
    if case.spec is not None:
        text = case.spec if isinstance(case.spec, str) else TINY.replace(*case.spec)
        assert text != TINY
        (places.here.parent / "spec.yaml").write_bytes(text.encode(errors="surrogateescape"))
    for name, text in (case.submission or {}).items():
        (places.here.parent / "bad").mkdir(exist_ok=True)
        (places.here.parent / "bad" / name).write_bytes(text.encode(errors="surrogateescape"))
    for name, value in case.environment.items():
        monkeypatch.setenv(name, places.fill(value))


def name_of(case: Case) -> str:
    changed = case.spec if case.spec is not None else case.submission or case.environment
    return f"{case.words} {changed if changed else ''}"[:100].strip()


def test_there_are_many_cases_over_all_doors() -> None:
    assert len(CASES) >= 150
    verbs = {case.words.partition(" ")[0] for case in CASES}
    command = typer.main.get_command(app.app)
    assert isinstance(command, TyperGroup)
    assert set(command.commands) <= verbs


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_wrong_call_ends_in_words_that_name_what_is_wrong(
    case: Case, places: Places, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if "--device cuda" in case.words and Path("/dev/nvidia0").exists():
        pytest.skip("there is a GPU")
    prepare(case, places, monkeypatch)
    words = [places.fill(word).replace("''", "") for word in case.words.split()]
    monkeypatch.setattr(sys, "argv", ["fmn", *words])
    with pytest.raises(SystemExit) as ended:
        app.main()
    printed = capfd.readouterr()
    said = printed.err + (printed.out if not printed.err else "")
    assert ended.value.code not in (0, None), said
    assert "Traceback" not in printed.err + printed.out
    assert places.fill(case.says) in (said if case.says != "''" else "''" + said)
    if case.words:
        assert len(printed.err.strip().splitlines()) <= MANY
        assert len(printed.err.replace(str(places.here.parent), "")) <= MOST_CHARACTERS
