"""Settings from the environment: every variable that the project reads, with its meaning and its default.

No other file reads these variables. An empty variable counts as one that is not set. It imports the standard library
only, and checks no value: the code that uses a setting does.

    python -m benchmark.settings      prints the table of docs/settings.md
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_APPLICATION = "forget-me-not"


@dataclass(frozen=True)
class Variable:
    """An environment variable.

    Attributes:
        name: the variable.
        meaning: one sentence for users, with the unit where there is one.
        default: what holds where it is empty or not set.
    """

    name: str
    meaning: str
    default: str


VARIABLES = (
    Variable("FMN_HOME", "Folder of everything that evaluations keep: trained states, records, logs.", "`runs`"),
    Variable("FMN_DATA", "Folder of downloaded datasets, and of the pictures that shipped documents name.",
             "`downloads` in the home"),
    Variable("FMN_RESULTS", "Folder of the records that the leaderboard shows beside those of the home.",
             "the shipped `results`"),
    Variable("FMN_CONFIG", "Folder of this machine's signing keys; it must lie outside of the home.",
             "`forget-me-not` in `XDG_CONFIG_HOME`"),
    Variable("FMN_CACHE", "Folder of what the leaderboard remembers of records; it may be deleted at any time.",
             "`forget-me-not` in `XDG_CACHE_HOME`"),
    Variable("FMN_TRUSTED_KEYS", "File with the list of keys whose records are believed.",
             "the shipped `benchmark/trusted_keys.yaml`"),
    Variable("FMN_MLFLOW_ADDRESS", "Address of the MLflow server as people's browsers reach it.",
             "`MLFLOW_TRACKING_URI`"),
    Variable("FMN_SCORING_CHUNK_MIB", "Size of the pieces in which a scorer computes, in MiB, from 1 to 65536.",
             "16 on a CPU, 256 on a GPU"),
    Variable("FMN_LOG_LEVEL", "Least severe messages that are shown: debug, info, warning or error.", "warning"),
    Variable("FMN_BASE_IMAGE", "Image that `make image` builds on.", "the one that the Dockerfile names"),
    Variable("FMN_WHEELS", "Folder of wheels from which `make image` installs; nothing is downloaded then.",
             "`wheels` in the checkout, where there is one"),
    Variable("FMN_TORCH_INDEX", "Address of a further package index for torch, for `make image`.", "none"),
    Variable("FMN_SLURM_PARTITION", "Partition of the jobs of EXECUTOR=slurm.", "the site's"),
    Variable("FMN_SLURM_ACCOUNT", "Account that these jobs are charged to.", "the site's"),
    Variable("FMN_SLURM_QOS", "Quality of service of these jobs.", "the site's"),
    Variable("FMN_SLURM_CONSTRAINT", "Features of the nodes of these jobs, which must be alike.", "none"),
    Variable("FMN_SLURM_GRES", "Generic resources of a trainer's job.", "`gpu:1` with DEVICE=cuda"),
    Variable("FMN_SLURM_MEMORY", "Memory of a trainer's job, as Slurm spells it: 4G.", "the site's"),
    Variable("FMN_SLURM_TIME", "Time limit of a job in minutes; longer work goes on in a requeued job.",
             "240, or the partition's limit"),
    Variable("FMN_SLURM_JOBS_AT_ONCE", "Most of these jobs in the queue at the same time.", "100"),
    Variable("FMN_SLURM_SCORING_CPUS", "Processors of the job that scores.", "4"),
    Variable("FMN_SLURM_SCORING_MEMORY", "Memory of the job that scores.", "the site's"),
    Variable("FMN_SLURM_CONTAINER", "What runs submitted code in containers on nodes: podman or apptainer.", "nothing"),
    Variable("FMN_SLURM_IMAGE", "Podman: name of the trainer's image on the nodes; apptainer: path of its file.",
             "`forget-me-not/trainer:latest` with podman"),
    Variable("MLFLOW_TRACKING_URI", "Where MLflow keeps its log.", "an SQLite file in the home"),
    Variable("XDG_CONFIG_HOME", "Folder of all programs' configuration, an absolute path.", "`~/.config`"),
    Variable("XDG_CACHE_HOME", "Folder of all programs' caches, an absolute path.", "`~/.cache`"),
    Variable("DOCKER_HOST", "Address of the Docker engine, which must be on this machine.", "Docker's own default"),
)  # fmt: skip
"""Everything that is read from the environment of the host."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The values of all variables, as they were given; an empty text or None where a variable is not set.

    The fields are named as the variables are; `VARIABLES` says what each one means.
    """

    home: Path
    data: Path | None
    results: Path | None
    config: Path | None
    cache: Path | None
    trusted_keys: Path | None
    mlflow_address: str
    scoring_chunk_mib: str
    log_level: str
    base_image: str
    wheels: Path | None
    torch_index: str
    slurm_partition: str
    slurm_account: str
    slurm_qos: str
    slurm_constraint: str
    slurm_gres: str
    slurm_memory: str
    slurm_time: str
    slurm_jobs_at_once: str
    slurm_scoring_cpus: str
    slurm_scoring_memory: str
    slurm_container: str
    slurm_image: str
    mlflow_tracking_uri: str
    xdg_config_home: Path | None
    xdg_cache_home: Path | None
    docker_host: str

    @property
    def slurm(self) -> dict[str, str]:
        """What jobs of EXECUTOR=slurm ask for, by the name of the option."""
        return {name.removeprefix("slurm_"): value for name, value in vars(self).items() if name.startswith("slurm_")}

    @property
    def config_folder(self) -> Path:
        """The user's configuration folder of this program, an absolute path.

        Raises:
            RuntimeError: it is not set, and the user has no home folder.
        """
        return self.config.absolute() if self.config else _of_user(self.xdg_config_home, "~/.config")

    @property
    def cache_folder(self) -> Path:
        """The user's cache folder of this program, an absolute path.

        Raises:
            RuntimeError: it is not set, and the user has no home folder.
        """
        return self.cache.absolute() if self.cache else _of_user(self.xdg_cache_home, "~/.cache")


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read all settings anew."""

    def path(name: str) -> Path | None:
        return Path(value) if (value := environment.get(name)) else None

    def text(name: str) -> str:
        return environment.get(name, "")

    return Settings(
        home=path("FMN_HOME") or Path("runs"),
        data=path("FMN_DATA"),
        results=path("FMN_RESULTS"),
        config=path("FMN_CONFIG"),
        cache=path("FMN_CACHE"),
        trusted_keys=path("FMN_TRUSTED_KEYS"),
        mlflow_address=text("FMN_MLFLOW_ADDRESS"),
        scoring_chunk_mib=text("FMN_SCORING_CHUNK_MIB").strip(),
        log_level=text("FMN_LOG_LEVEL").strip() or "warning",
        base_image=text("FMN_BASE_IMAGE"),
        wheels=path("FMN_WHEELS"),
        torch_index=text("FMN_TORCH_INDEX"),
        slurm_partition=text("FMN_SLURM_PARTITION").strip(),
        slurm_account=text("FMN_SLURM_ACCOUNT").strip(),
        slurm_qos=text("FMN_SLURM_QOS").strip(),
        slurm_constraint=text("FMN_SLURM_CONSTRAINT").strip(),
        slurm_gres=text("FMN_SLURM_GRES").strip(),
        slurm_memory=text("FMN_SLURM_MEMORY").strip(),
        slurm_time=text("FMN_SLURM_TIME").strip(),
        slurm_jobs_at_once=text("FMN_SLURM_JOBS_AT_ONCE").strip(),
        slurm_scoring_cpus=text("FMN_SLURM_SCORING_CPUS").strip(),
        slurm_scoring_memory=text("FMN_SLURM_SCORING_MEMORY").strip(),
        slurm_container=text("FMN_SLURM_CONTAINER").strip(),
        slurm_image=text("FMN_SLURM_IMAGE").strip(),
        mlflow_tracking_uri=text("MLFLOW_TRACKING_URI"),
        xdg_config_home=path("XDG_CONFIG_HOME"),
        xdg_cache_home=path("XDG_CACHE_HOME"),
        docker_host=text("DOCKER_HOST"),
    )


def _of_user(folder: Path | None, default: str) -> Path:
    """Return our folder in one of the user's folders; a relative path is ignored, as the XDG specification asks."""
    parent = folder if folder is not None and folder.is_absolute() else Path(default).expanduser()
    return parent / _APPLICATION


def settings_table() -> str:
    """Return the table of all variables in Markdown."""
    rows = [f"| `{each.name}` | {each.meaning} | {each.default} |" for each in VARIABLES]
    return "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(settings_table())
