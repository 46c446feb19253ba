"""The compiler's front end is loaded where something is compiled, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

BEGIN = """
import sys
import torch
from benchmark.training.environment import configure

if sys.argv[1] == "late":
    configure(torch.device("cpu"))
torch.set_num_threads(1)
torch.manual_seed(0)
layer = torch.nn.Linear(3, 2)
optimizer = torch.optim.{optimizer}(layer.parameters(), lr=0.1)

def update():
    optimizer.zero_grad()
    layer(torch.ones(4, 3)).square().mean().backward()
    optimizer.step()

def is_loaded():
    return "torch._dynamo.convert_frame" in sys.modules

update()
update()
"""


def run(program: str, how: str = "late", optimizer: str = "SGD") -> list[str]:
    """Run a program after two updates in a process of its own, and return the lines that it prints."""
    command = [sys.executable, "-c", BEGIN.replace("{optimizer}", optimizer) + program, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_training_on_a_processor_never_loads_the_compiler() -> None:
    """It took two seconds of every trial's and every trainer's start."""
    assert run("optimizer.load_state_dict(optimizer.state_dict()); update(); print(is_loaded())") == ["False"]
    assert run("print(is_loaded())", how="as torch does") == ["True"]


def test_updates_have_the_same_bits_without_it() -> None:
    for optimizer in ("SGD", "AdamW"):
        shown = "print([value.hex() for value in layer.weight.detach().flatten().tolist()])"
        assert run(shown, optimizer=optimizer) == run(shown, how="as torch does", optimizer=optimizer)


def test_what_compiles_gets_the_real_compiler() -> None:
    program = """
compiled = torch.compile(lambda x: x.sin() + 1, backend="eager", fullgraph=True)
print(torch.equal(compiled(torch.ones(2)), torch.ones(2).sin() + 1), is_loaded())
update()
another = torch.optim.SGD(layer.parameters(), lr=0.1)
another.step()
print(type(sys.modules["torch._dynamo"]).__name__, torch._dynamo is sys.modules["torch._dynamo"])
"""
    assert run(program) == ["True True", "module True"]


def test_its_parts_can_be_imported_and_looking_at_all_modules_loads_nothing() -> None:
    program = """
import inspect
inspect.getmodule(update)
print([hasattr(module, "__file__") for name, module in list(sys.modules.items()) if name == "torch._dynamo"])
print(is_loaded())
import torch._dynamo.config
print(is_loaded(), torch._dynamo.config.suppress_errors)
torch._dynamo.graph_break()
"""
    assert run(program) == ["[False]", "False", "True False"]
