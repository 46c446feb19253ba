"""`make bench`: what sharing and batching give, against a naive peer in the same run, and how cost grows.

    python -m bench [--quick] [--only updates] [--write docs/performance.md] [--against FOLDER]

Every line begins with its name. Ratios are medians of alternating timings with their range; they hold for the machine
they were measured on, which is named. A busy machine is refused unless `--busy` says that it does not matter.
`--against` gives a folder with another version of the repository, as `git worktree add FOLDER COMMIT` makes one: what a
GPU takes for updates of the founding study's network is then measured of both, in turn.
"""

from __future__ import annotations

import os
import platform
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console

from bench.cost_growth import growth
from bench.gpu_speed import on_gpu
from bench.guard_cost import guard
from bench.model_scoring import one_model
from bench.paired_timing import Line
from bench.study.processes import checked_checkout
from bench.update_speed import per_epoch, throughput
from bench.whole_grids import mini_grid, whole_grid
from benchmark.machine import available_cores, cpu_model

SECTIONS = {
    "updates": per_epoch, "guard": guard, "views": throughput, "gpu": on_gpu, "scoring": one_model, "growth": growth,
    "mini": mini_grid, "grid": whole_grid,
}  # fmt: skip
"""The parts of the bench by name, the longest last."""


def machine() -> str:
    """Name the hardware and the versions that numbers were measured on."""
    libraries = ("torch", "kornia", "torchvision", "scikit-learn", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    cores = available_cores()
    return f"{cores} cores of {cpu_model()}, {platform.system()}, Python {platform.python_version()}, {versions}"


def page(lines: list[Line]) -> str:
    """Write the measured part of docs/performance.md."""
    rows = [f"| {each.name} | {each.value} | {each.reach} | {each.basis} |" for each in lines]
    return "\n".join(["| line | measured | reach | basis |", "|---|---|---|---|", *rows, ""])


BEGIN, END = "<!-- measured: make bench -->\n", "<!-- end -->\n"
BEGIN_GPU = '<!-- measured: make bench BENCH="--only gpu" -->\n'
"""A page has two measured parts, because few machines have both quiet processors and a GPU."""


def write_into(path: Path, lines: list[Line], begin: str = BEGIN) -> None:
    """Replace a measured part of a page and keep the words around it."""
    text = path.read_text(encoding="utf-8")
    head, found, rest = text.partition(begin)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{path}: expected the lines {begin.strip()!r} and {END.strip()!r}, found none")
    path.write_text(f"{head}{begin}Measured on {machine()}.\n\n{page(lines)}{END}{tail}", encoding="utf-8")


def main(
    quick: Annotated[bool, typer.Option(help="Fewer repeats: minutes less, wider ranges.")] = False,
    busy: Annotated[bool, typer.Option(help="Measure even though other programs are at work.")] = False,
    only: Annotated[str, typer.Option(help=f"One part alone: {', '.join(SECTIONS)}.")] = "",
    write: Annotated[
        Path | None,
        typer.Option(help="Page whose measured part is replaced.", exists=True, dir_okay=False, writable=True),
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Folder with a version that a GPU times in turn.")] = None,
) -> None:
    """Measure, and print one line per finding."""
    if only and only not in SECTIONS:
        raise SystemExit(f"--only: expected one of {', '.join(SECTIONS)}, got {only!r}")
    if only not in ("", "gpu") and write is not None:
        raise SystemExit("--write replaces a whole measured part of a page; leave out --only, or say --only gpu")
    if only not in ("", "gpu") and against is not None:
        raise SystemExit("--against times updates on a GPU; leave out --only, or say --only gpu")
    load = os.getloadavg()[0]
    if load > 0.5 and not busy:
        raise SystemExit(f"expected a quiet machine, found a load of {load:.1f}; wait, or say --busy")
    torch.set_num_threads(1)
    np.seterr(all="raise", under="ignore")
    sections = SECTIONS | {"gpu": partial(on_gpu, against=None if against is None else checked_checkout(against))}
    console, found = Console(soft_wrap=True, highlight=False, markup=False), dict[str, list[Line]]()
    console.print(machine())
    for name, section in sections.items():
        for line in section(quick) if only in ("", name) else ():
            found.setdefault(name, []).append(line)
            console.print(str(line))
    if write is None:
        return
    on_device = found.pop("gpu")
    if found:
        write_into(write, [line for lines in found.values() for line in lines])
    if torch.cuda.is_available():
        write_into(write, on_device, BEGIN_GPU)


if __name__ == "__main__":
    typer.run(main)
