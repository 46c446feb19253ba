"""Times what it is told to, in a process of its own, so that two checkouts of this repository can be timed in turn.

    PYTHONPATH=CHECKOUT python -P bench/study/worker.py

The code that is timed comes from CHECKOUT, which may be any version since b0fb2ce. This file therefore imports nothing
of its own folder. It reads requests, a JSON object per line, and answers each with one:

    {"build": LABEL, "side": "updates", "options": {...}}   builds a side, runs it once, keeps it under the label
    {"run": LABEL}                                          runs it again; answers {"seconds": 0.12}
    {"forget": true}                                        forgets all sides and gives their memory back

An answer with `error` says in a line why there is none.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import torch
from pydantic import TypeAdapter

import benchmark
from benchmark.spec import EncoderSpec
from benchmark.training.environment import configure

OUR_TRAINING = (("bench.our_training", "OurRun"), ("bench.sides", "Ours"))
"""Where the training that is timed has been, the present place first."""

Side = Callable[[], object]
"""Does what is timed, once."""


def updates(options: dict[str, Any]) -> Side:
    """Build models in training as the checkout trains them; a run is one pass over the images.

    Args:
        options: `encoder` as a specification writes it; `px`, `images` per update and `steps` per pass; what `OurRun`
            takes by name (`training`), the device included.
    """
    module, name = _our_training()
    budget_of: Any = importlib.import_module("bench.peer").Budget
    encoder: Any = TypeAdapter[Any](EncoderSpec).validate_python(options["encoder"])
    pictures = module.random_images(options["images"] * options["steps"], 3, options["px"])
    training = options["training"]
    if training["compiled"]:
        torch.compiler.reset()  # the compiler refuses more than a few variants of one function
    return getattr(module, name)(pictures, budget_of(encoder, options["images"], 1), **training).epoch


def _our_training() -> tuple[Any, str]:
    for place, name in OUR_TRAINING:
        try:
            return importlib.import_module(place), name
        except ModuleNotFoundError as error:
            if error.name != place:
                raise
    raise ValueError(f"expected a checkout with one of {', '.join(place for place, _ in OUR_TRAINING)}, found none")


class Sides:
    """The sides that were built, by label."""

    def __init__(self) -> None:
        self.built: dict[str, Side] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks."""
        if "forget" in request:
            self.built.clear()
            gc.collect()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()
            return {}
        if "run" in request:
            started = time.perf_counter()
            self.built[request["run"]]()
            return {"seconds": time.perf_counter() - started}
        name = request["side"]
        build = updates if name == "updates" else importlib.import_module(f"bench.study.{name}").side
        side: Side = build(request["options"])
        side()
        self.built[request["build"]] = side
        return {}


def main(answers: TextIO) -> None:
    """Answer requests until there are no more."""
    configure(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    sides = Sides()
    _say(answers, {"checkout": str(Path(benchmark.__file__).resolve().parents[1])})
    for line in sys.stdin:
        try:
            answer = sides.answer(json.loads(line))
        except Exception as error:  # whatever the checkout raises; the bench goes on with its next line
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        _say(answers, answer)


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(f"{json.dumps(answer)}\n")
    answers.flush()


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as _answers:
        os.dup2(2, 1)  # what libraries print is no answer
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ends with the bench, whose end of the pipe closes
        main(_answers)
