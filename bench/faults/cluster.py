"""Faults of a Slurm cluster: its jobs, a node's daemon, a whole node, and the dispatcher that waits for jobs.

They need the cluster of `tests/executors/slurm/start_slurm.sh`, all of whose daemons run on this machine, and
`SLURM_CONF`, as that script says. What is killed is found by the home's path in the arguments of processes.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from bench.faults.evaluation import Site, judge_home
from bench.faults.trials import Outcome, Setting, kill, note_traceback, resume, sleep_within, wait_or_end

NODE = "whole"
"""Of the default partition."""

_DOWN_S = 3.0
"""At most so long a node's daemon is away."""


def can_kill_nodes() -> bool:
    """Return whether a cluster answers whose node's daemon is a process of this machine that we may start again."""
    if shutil.which("sinfo") is None or "SLURM_CONF" not in os.environ or _pid_of_daemon() is None:
        return False
    asked = subprocess.run(["sinfo", "--noheader"], check=False, capture_output=True, timeout=60)
    return asked.returncode == 0


def _pid_of_daemon() -> int | None:
    try:
        pid = int(Path(os.environ["SLURM_CONF"]).with_name(f"{NODE}.pid").read_text())
    except (OSError, ValueError):
        return None
    return pid if Path(f"/proc/{pid}/comm").exists() else None


def processes_of_jobs(home: Path) -> dict[str, list[int]]:
    """Return the processes of a home's jobs, by the name of the job's folder."""
    found: dict[str, list[int]] = {}
    beginning = f"{home}/slurm/"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended
            continue
        ours = next((word for word in words if beginning in word), None)
        if ours is not None and int(process.name) != os.getpid():
            found.setdefault(ours.split(beginning)[1].split("/")[0], []).append(int(process.name))
    return found


def _steps_of(pids: Iterable[int]) -> set[int]:
    """Return the processes of Slurm that look after these, and after nobody else's."""
    steps: set[int] = set()
    for pid in pids:
        while pid > 1:
            try:
                name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
            except OSError:
                break
            if name == "slurmstepd":
                steps.add(pid)
            pid = int(rest.split()[1])
    return steps


def kill_job(setting: Setting, home: Path, outcome: Outcome) -> bool:
    """Kill one process of a job, or all of them; return whether there was one."""
    jobs = processes_of_jobs(home)
    if not jobs:
        return False
    name = setting.rng.choice(sorted(jobs))
    victims = jobs[name] if setting.rng.random() < 0.5 else [setting.rng.choice(sorted(jobs[name]))]
    outcome.note += f"{len(victims)} of {len(jobs[name])} processes of {name}\n"
    return kill(victims)


def kill_daemon(setting: Setting, home: Path, outcome: Outcome) -> bool:
    """Kill the node's daemon while a job is there, and start it again; what runs is not touched."""
    daemon = _pid_of_daemon()
    if daemon is None or not processes_of_jobs(home) or not kill([daemon]):
        return False
    time.sleep(setting.rng.uniform(0, _DOWN_S))
    _start_daemon()
    return True


def kill_node(setting: Setting, home: Path, outcome: Outcome) -> bool:
    """Kill all that Slurm runs there for the home, as a loss of power does; Slurm is told, and the node comes back.

    Slurm would find it by itself after `SlurmdTimeout`, five minutes as a rule.
    """
    daemon, ours = _pid_of_daemon(), [*itertools.chain(*processes_of_jobs(home).values())]
    if daemon is None or not ours or not kill([daemon, *_steps_of(ours), *ours]):
        return False
    _update_node("state=down", "reason=fault")
    time.sleep(setting.rng.uniform(0, _DOWN_S))
    _start_daemon()
    _update_node("state=resume")
    return True


def _start_daemon() -> None:
    subprocess.run(["slurmd", "-N", NODE], check=True, capture_output=True)


def _update_node(*words: str) -> None:
    subprocess.run(["scontrol", "update", f"nodename={NODE}", *words], check=False, capture_output=True)


def in_cluster(what: str, hit: Callable[[Setting, Path, Outcome], bool] | None) -> Callable[[Setting], Outcome]:
    """Return the trial in which `hit` kills something of the cluster; the dispatcher where that is None."""

    def trial(setting: Setting) -> Outcome:
        setting = replace(setting, site=replace(setting.site, executor="slurm"))
        wall_s = _wall_s(setting.site)
        outcome, home = Outcome(f"SIGKILL, {what}"), setting.site.new_home()
        _know_nodes(setting, home)
        command = setting.site.start(home)
        while command.code is None and not processes_of_jobs(home):
            time.sleep(0.02)
        running = sleep_within(command, setting.rng.uniform(0, 0.9 * wall_s * setting.pace.factor))
        while command.code is None and not processes_of_jobs(home):  # between two jobs
            time.sleep(0.02)
        was_hit = running and (hit(setting, home, outcome) if hit else kill([command.pid]))
        outcome.is_late = not was_hit
        wait_or_end(command)
        note_traceback(outcome, command)
        outcome.note += command.printed()[-2000:]
        if was_hit:
            resume(setting, home, outcome, command, 0, watches=False)
            outcome.repeated = None
        else:
            outcome.verdict = judge_home(home, setting.only())
        shutil.rmtree(home, ignore_errors=True)
        return outcome

    return trial


def _know_nodes(setting: Setting, home: Path) -> None:
    """Give a home what a node of the cluster has said of itself, so that not every trial asks again."""
    for path in setting.site.folder.glob("node-*.json"):
        (home / "slurm").mkdir(exist_ok=True)
        shutil.copyfile(path, home / "slurm" / path.name)


@cache
def _wall_s(site: Site) -> float:
    """Return how long jobs of an evaluation without a fault are there, and keep what a node says of itself."""
    home = site.new_home()
    command = site.start(home)
    while command.code is None and not processes_of_jobs(home):
        time.sleep(0.02)
    started = time.monotonic()
    if wait_or_end(command):
        raise SystemExit(f"the evaluation without faults failed:\n{command.printed()[-3000:]}")
    wall_s = time.monotonic() - started
    for path in (home / "slurm").glob("node-*.json"):
        shutil.copyfile(path, site.folder / path.name)
    shutil.rmtree(home)
    return wall_s


CLUSTER = {
    "slurm-job": in_cluster("Slurm job", kill_job),
    "slurm-daemon": in_cluster("Slurm's node daemon", kill_daemon),
    "slurm-node": in_cluster("whole Slurm node", kill_node),
    "slurm-dispatcher": in_cluster("dispatcher of Slurm jobs", None),
}
