"""The study's measurements alone: `python -m bench.study`. `make bench BENCH="--only gpu"` makes them too.

    python -m bench.study [--quick] [--device cpu] [--only updates] [--against FOLDER]

On a GPU they take about a quarter of an hour, half of it a whole evaluation; `--only` makes one part of them. On a CPU,
with `--quick`, networks are tiny, and the numbers say only that the bench runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from bench.__main__ import machine
from bench.study.parts import PARTS, study_lines
from bench.study.processes import checked_checkout
from bench.study.scale import study_scale, tiny_scale


def main(
    quick: Annotated[bool, typer.Option(help="Fewer repeats; tiny networks on a CPU.")] = False,
    device: Annotated[str, typer.Option(help="cuda, or cpu with --quick.")] = "cuda",
    only: Annotated[str, typer.Option(help=f"One part alone: {', '.join(PARTS)}.")] = "",
    against: Annotated[Path | None, typer.Option(help="Folder with another version of this repository.")] = None,
) -> None:
    """Measure, and print one line per finding."""
    if only and only not in PARTS:
        raise SystemExit(f"--only: expected one of {', '.join(PARTS)}, got {only!r}")
    if device not in ("cpu", "cuda"):
        raise SystemExit(f"--device: expected cpu or cuda, got {device!r}")
    if device == "cpu" and not quick:
        raise SystemExit("--device cpu: expected --quick beside it, because the study's network is for a GPU")
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: expected a visible CUDA GPU, found none; --device cpu --quick tries the bench")
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(machine())
    scale = tiny_scale() if device == "cpu" else study_scale(quick=quick)
    for line in study_lines(scale, None if against is None else checked_checkout(against), only=only):
        console.print(str(line))


if __name__ == "__main__":
    typer.run(main)
