"""Which GPUs a command uses, and which of them the next trainer gets.

A trainer sees one GPU, so that its job says `cuda` wherever it runs. No torch is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence

DEVICE_FORMS = "auto, cpu, cuda, or cuda: with numbers of GPUs, as in cuda:0,2"


def named_gpus(choice: str) -> tuple[int, ...]:
    """Return the numbers after `cuda:`; none for `auto`, `cpu` and `cuda`.

    >>> named_gpus("cuda:0,2"), named_gpus("cuda")
    ((0, 2), ())

    Raises:
        ValueError: it is no device, or a number stands twice.
    """
    if choice in ("auto", "cpu", "cuda"):
        return ()
    kind, _, numbers = choice.partition(":")
    parts = numbers.split(",")
    if kind != "cuda" or not all(part.isascii() and part.isdecimal() and len(part) <= 3 for part in parts):
        raise ValueError(f"DEVICE: expected {DEVICE_FORMS}, got {choice!r}")
    named = tuple(map(int, parts))
    if len(set(named)) != len(named):
        raise ValueError(f"DEVICE: expected every GPU once, got {choice!r}")
    return named


def chosen_gpus(choice: str, visible: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the GPUs of a choice, all that are visible unless it names some.

    Args:
        choice: `auto`, `cuda`, or `cuda:` with positions among the visible ones.
        visible: their ids.

    Raises:
        ValueError: it names a GPU that is not visible.
    """
    named = named_gpus(choice)
    if missing := [number for number in named if number >= len(visible)]:
        last = len(visible) - 1
        raise ValueError(f"DEVICE: expected numbers of visible GPUs, 0 to {last}, got {missing[0]} in {choice!r}")
    return tuple(visible[number] for number in named) or tuple(visible)


def demand_one_model(models: Sequence[str]) -> None:
    """Refuse GPUs of several models: they compute other bits, and a state's name holds one of them.

    Raises:
        ValueError: there are several.
    """
    if len(set(models)) > 1:
        each = ", ".join(f"{number}: {model}" for number, model in enumerate(models))
        raise ValueError(f"DEVICE: expected GPUs of one model, got {each}; name those of one, as in DEVICE=cuda:0")


class GpuPool:
    """Hands out GPUs: each trainer gets the one that has the fewest.

    Args:
        ids: at least one.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = tuple(ids)
        self._held = dict.fromkeys(self.ids, 0)

    def take(self, wanted: str | None = None) -> str:
        """Return the id of the wanted GPU, else of the one with the fewest trainers, the first among equals."""
        gpu = wanted if wanted in self._held else min(self.ids, key=self._held.__getitem__)
        self._held[gpu] += 1
        return gpu

    def give_back(self, gpu: str) -> None:
        """Note that a trainer on this GPU has ended."""
        self._held[gpu] -= 1
