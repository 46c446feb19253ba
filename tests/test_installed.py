"""The packages as `pip install` gives them: wheel and sdist are built, and the doors are tried from an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.conftest import ROOT, TINY
from tests.executors.warm import wait_until

BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a command to its end; returns all that it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "FMN_RESULTS")}
    done = subprocess.run(
        command, cwd=folder, env=kept | environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked files, so that building leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("source")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, names):
        target, original = folder / os.fsdecode(name), ROOT / os.fsdecode(name)
        if original.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, target)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-c", BUILD, "wheel", str(out)], source)
    [path] = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def fmn(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command, in an environment that has the libraries of this one and not this checkout."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", str(folder)], folder)
    [packages] = folder.glob("lib/python*/site-packages")
    libraries = [Path(entry) for entry in sys.path if entry.endswith("site-packages") and Path(entry) != packages]
    libraries.append(Path(sysconfig.get_paths()["purelib"]))
    own = packages / "libraries"
    own.mkdir()
    for library in dict.fromkeys(libraries):
        for each in library.iterdir():  # a .pth file or link of the checkout must not come along
            if each.suffix != ".pth" and "forget_me_not" not in each.name and not (own / each.name).exists():
                (own / each.name).symlink_to(each)
    (packages / "libraries.pth").write_text(f"{own}\n")
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    run([*install, str(wheel)], folder)
    return folder / "bin" / "fmn"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_a_wheel_and_an_sdist_hold_what_a_checkout_keeps_beside_the_packages(
    wheel: Path, source: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    for name in ("submissions/_template/method.py", "submissions/simclr/submission.yaml", ".streamlit/config.toml"):
        assert f"benchmark/shipped_files/{name}" in names
    assert sum(name.startswith("benchmark/shipped_files/results/") for name in names) > 20
    assert "benchmark/specs/digits.yaml" in names
    assert not any("__pycache__" in name or name.startswith(("tests/", "bench/")) for name in names)
    run([sys.executable, "-c", BUILD, "sdist", str(tmp_path)], source)
    [path] = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as file:
        inside = {name.partition("/")[2] for name in file.getnames()}
    assert {"setup.py", "submissions/simclr/method.py", "results/README.md", ".streamlit/config.toml"} <= inside
    with tarfile.open(path) as file:  # what is in it builds the same wheel
        file.extractall(tmp_path / "unpacked", filter="data")
    [folder] = (tmp_path / "unpacked").iterdir()
    run([sys.executable, "-c", BUILD, "wheel", str(tmp_path)], folder)
    [again] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(again) as file:
        assert set(file.namelist()) == names


def test_an_installed_command_makes_checks_and_evaluates_in_an_empty_folder(
    fmn: Path, empty: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    words = ["--spec", str(tmp_path / "tiny.yaml"), "--executor", "process"]
    made = run([str(fmn), "new", "mine"], empty)
    assert "fmn check mine" in made
    assert "make " not in made
    assert "nothing wrong found" in run([str(fmn), "check", "mine", *words], empty)
    assert "nothing wrong found" in run([str(fmn), "check", "simclr", *words], empty)
    home = str(tmp_path / "home")
    printed = run([str(fmn), "evaluate", "random_init", *words, "--device", "cpu"], empty, FMN_HOME=home)
    assert "14 of 14 runs finished" in printed
    assert "fmn leaderboard" in printed
    assert "make " not in printed


def test_an_installed_command_exports_and_verifies_the_records_that_ship_with_it(fmn: Path, empty: Path) -> None:
    printed = run([str(fmn), "export", "site"], empty)
    assert int(printed.split(" pages and ")[1].split()[0]) >= 4
    assert (empty / "site" / "index.html").is_file()


def test_an_installed_leaderboard_serves_with_the_settings_that_ship_with_it(fmn: Path, empty: Path) -> None:
    """Elsewhere, Streamlit would send usage statistics, and show tracebacks to visitors."""
    ask = "from benchmark.shipped import shipped; print(shipped('.streamlit'))"
    settings = Path(run([str(fmn.with_name("python")), "-c", ask], empty).strip(), "config.toml").read_text()
    assert "gatherUsageStats = false" in settings
    server = subprocess.Popen(
        [str(fmn), "leaderboard", "--port", "8653"], cwd=empty, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "FMN_RESULTS")},
    )  # fmt: skip
    try:

        def answers() -> bool:
            try:
                return urlopen("http://localhost:8653/_stcore/health", timeout=2).read() == b"ok"
            except OSError:
                return False

        wait_until(answers, 90)
    finally:
        server.terminate()
        server.wait(30)
