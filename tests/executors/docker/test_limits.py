"""The constants of containment, read as the Engine API receives them; no engine is needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from benchmark.executors.docker.images import code_digest
from benchmark.executors.docker.limits import Limits, gpu_request, grant_read, host_config
from benchmark.executors.docker.seccomp import seccomp_profile
from benchmark.store.outbox import NotHeld, outbox_excess, pinned, remove_depths, remove_tree

ROOT = Path(__file__).parents[3]


def test_every_constant_of_the_threat_model_is_set(tmp_path: Path) -> None:
    limits = Limits()
    config = host_config(limits, {"/fmn/job.json": (tmp_path, False), "/fmn/outbox": (tmp_path, True)}, num_cpus=1)
    assert config["NetworkMode"] == "none"
    assert config["ReadonlyRootfs"] is True
    assert config["Privileged"] is False
    assert config["CapDrop"] == ["ALL"]
    assert "CapAdd" not in config
    assert config["SecurityOpt"] == ["no-new-privileges:true", f"seccomp={seccomp_profile()}"]
    assert config["IpcMode"] == "private"
    assert config["Memory"] == config["MemorySwap"] == limits.memory
    assert config["PidsLimit"] == limits.pids > 0
    assert config["ShmSize"] == limits.shm > 0
    assert config["Init"] is True
    assert host_config(limits, {}, num_cpus=1, has_own_init=True)["Init"] is False
    assert {each["Name"]: each["Hard"] for each in config["Ulimits"]} == {
        "nofile": limits.open_files, "core": 0, "fsize": limits.file,
    }  # fmt: skip
    assert set(config["Tmpfs"]) == {"/tmp"}
    assert {"noexec", "nosuid", "nodev", f"size={limits.tmp}"} <= set(config["Tmpfs"]["/tmp"].split(","))
    assert config["LogConfig"] == {
        "Type": "json-file", "Config": {"max-size": str(limits.log), "max-file": "1"},
    }  # fmt: skip
    assert {(each["Target"], each["ReadOnly"]) for each in config["Mounts"]} == {
        ("/fmn/job.json", True), ("/fmn/outbox", False),
    }  # fmt: skip
    assert not any("docker.sock" in each["Source"] for each in config["Mounts"])
    assert config["DeviceRequests"] == []


NVIDIA = {"Runtimes": {"runc": {}, "nvidia": {}}}
CDI = {"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}


def test_a_gpu_is_asked_for_by_its_id_in_the_way_the_engine_understands() -> None:
    assert gpu_request(NVIDIA, "1") == {"Driver": "nvidia", "DeviceIDs": ["1"], "Capabilities": [["gpu"]]}
    assert gpu_request(CDI, "0") == {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"]}
    assert gpu_request({**NVIDIA, **CDI}, "0")["Driver"] == "cdi"


@pytest.mark.parametrize("gpu", ["all", "", "0,1"])
def test_more_than_one_gpu_is_never_asked_for(gpu: str) -> None:
    with pytest.raises(ValueError, match="the id of one GPU"):
        gpu_request(NVIDIA, gpu)


@pytest.mark.parametrize("info", [{}, {"Runtimes": {"runc": {}}}, {"Runtimes": None, "DiscoveredDevices": None}])
def test_an_engine_without_gpus_says_so_in_one_sentence(info: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot pass a GPU through") as caught:
        gpu_request(info, "0")
    assert "\n" not in str(caught.value)
    assert "DEVICE=cpu" in str(caught.value)


def test_the_deadline_grows_with_the_work() -> None:
    assert Limits(start_s=10, update_s=2).deadline_s(5) == 20


def test_files_of_ours_become_readable_whatever_the_umask_was(tmp_path: Path) -> None:
    secret = tmp_path / "folder" / "file"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("x")
    secret.chmod(0o600)
    grant_read(tmp_path / "folder")
    assert secret.stat().st_mode & 0o777 == 0o644
    assert secret.parent.stat().st_mode & 0o777 == 0o755


def test_an_honest_outbox_is_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "encoder.safetensors").write_bytes(b"x" * 5000)
    assert outbox_excess(tmp_path, 1 << 20, 10) is None


def test_disk_blocks_are_counted_and_holes_are_not(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert outbox_excess(tmp_path, 1 << 20, 10) is None
    (tmp_path / "real").write_bytes(os.urandom(2 << 20))
    assert outbox_excess(tmp_path, 1 << 20, 10) == "an outbox of more than 1048576 bytes"


def test_many_files_and_deep_folders_are_excesses(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).touch()
    assert outbox_excess(tmp_path, 1 << 20, 5) is None
    assert outbox_excess(tmp_path, 1 << 20, 4) == "an outbox of more than 4 files"
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    assert outbox_excess(tmp_path, 1 << 20, 10) is None
    (tmp_path / "a/b/c/d/e/f/g/h").mkdir(parents=True)
    assert outbox_excess(tmp_path, 1 << 20, 100) == "an outbox with folders more than 8 levels deep"


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    (tmp_path / "elsewhere" / "a" / "b").mkdir(parents=True)
    (tmp_path / "outbox" / "link").symlink_to(tmp_path / "elsewhere")
    assert outbox_excess(tmp_path / "outbox", 1 << 20, 10) is None
    remove_depths(tmp_path / "outbox")
    remove_tree(tmp_path / "outbox" / "link")
    assert (tmp_path / "elsewhere" / "a" / "b").is_dir()


def test_folders_nested_beyond_pythons_recursion_are_removed(tmp_path: Path) -> None:
    bottom = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=bottom)
        deeper = os.open("d", os.O_RDONLY, dir_fd=bottom)
        os.close(bottom)
        bottom = deeper
    os.close(bottom)
    remove_depths(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["d"]
    remove_tree(tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="folders are pinned through /proc")
def test_a_folder_that_is_exchanged_for_a_link_while_it_is_read_stays_the_folder(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text(name)
    with pinned(tmp_path / "mine") as source:
        (tmp_path / "mine").rename(tmp_path / "away")
        (tmp_path / "mine").symlink_to(tmp_path / "theirs")
        assert (source / "weights").read_text() == "mine"
    with pytest.raises(NotHeld, match=r"Not a directory|Too many levels"), pinned(tmp_path / "mine"):
        pass


TRAINER_HAS = {"torch", "torchgen", "kornia", "kornia_rs", "numpy", "safetensors", "pydantic", "pydantic_core"}
TRAINER_NEEDS = {"annotated_types", "typing_extensions", "typing_inspection", "packaging"}
USED_IF_THERE = {"tqdm"}
"""torch.hub draws progress with it where something else has brought it, and does without."""
WATCHED = """
import sys
{imports}
files = {{name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}}
print(*{{name.split(".")[0] for name, file in files.items() if "site-packages" in file}})
print(*(name for name in files if name.startswith("benchmark")))
"""


def imported_by(imports: str) -> tuple[set[str], set[str]]:
    """Give the libraries and the modules of the package that some imports bring with them."""
    command = [sys.executable, "-c", WATCHED.format(imports=imports)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    libraries, modules = done.stdout.splitlines()
    return (
        {name for name in libraries.split() if not name.startswith("_")},
        {name.replace(".", "/") for name in modules.split()},
    )


def test_training_code_imports_nothing_that_the_trainer_image_does_not_have() -> None:
    libraries, modules = imported_by("import benchmark.training.trainer, benchmark.data.views")
    assert libraries <= TRAINER_HAS | TRAINER_NEEDS | USED_IF_THERE
    assert modules <= copied_into("trainer")


def test_the_trainer_image_gets_no_scorer_no_dataset_and_no_host_code() -> None:
    copied = copied_into("trainer")
    assert "benchmark/training/trainer" in copied
    assert not {name for name in copied if name.startswith(("benchmark/scoring", "benchmark/recording"))}
    host = ("admission", "cli", "datasets", "evaluation", "executors", "store")
    assert not {name for name in copied if name.startswith(("leaderboard", *(f"benchmark/{room}" for room in host)))}


def test_the_scorer_image_gets_all_that_scoring_imports_and_no_submission_code() -> None:
    _, modules = imported_by("import benchmark.scoring.scorer")
    copied = copied_into("scorer")
    assert modules <= copied
    assert not {name for name in copied if name.startswith(("benchmark/method", "benchmark/training"))}


def test_the_site_image_gets_every_library_that_the_board_and_the_log_import() -> None:
    """Pages are imported by nobody, so that texts are read: what a page imports at last must be there as well."""
    stage = (ROOT / "Dockerfile").read_text().split(" AS site-libraries\n")[1].split("\nFROM ")[0]
    installed = set(re.findall(r"(?<= )[a-z][\w-]*", stage.split("install --quiet")[1]))
    rooms = ("leaderboard", "benchmark/recording", "benchmark/scoring/statistics")
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    imported = {
        name.split(".")[0]
        for file in files
        for name in re.findall(r"^\s*(?:from|import) ([\w.]+)", file.read_text(), flags=re.MULTILINE)
    }
    assert {"streamlit", "mlflow", "scipy"} <= imported
    distributions = packages_distributions()  # reads the metadata of everything that is installed
    bringers = {name: distributions.get(name, []) for name in imported - {"benchmark", "leaderboard"}}
    assert [name for name, each in bringers.items() if each and not {one.lower() for one in each} & installed] == []


def copied_into(target: str) -> set[str]:
    """List the modules of the package that the Dockerfile copies into a target, without `.py`, folders included."""
    text = (ROOT / "Dockerfile").read_text()
    stage = re.split(r"^FROM ", text.split(f" AS {target}\n")[1], flags=re.MULTILINE)[0]
    found: set[str] = set()
    for line in re.findall(r"^COPY (benchmark\S*(?: benchmark\S*)*) /opt/code", stage, flags=re.MULTILINE):
        for source in map(Path, line.split()):
            files = (ROOT / source).rglob("*.py") if (ROOT / source).is_dir() else [ROOT / source]
            found |= {str(file.relative_to(ROOT).with_suffix("")).removesuffix("/__init__") for file in files}
            found.add(str(source.parent) if source.suffix else str(source))
    return found


def test_the_name_of_the_code_in_an_image_follows_the_code() -> None:
    assert re.fullmatch("[0-9a-f]{64}", code_digest())
    assert code_digest() == code_digest()
