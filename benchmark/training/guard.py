"""The guard of an encoder in training: only the harness's own optimizer step changes its weights, only `loss` calls it.

It finds a submission that trains more than its budget by the means that PyTorch offers to everybody. It cannot find one
that computes the network by itself, or that changes this guard: they share a process, and `docs/rules.md` forbids it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter, is_
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.encoder import Encoder
from benchmark.printable import counted

SAMPLED_EVERY = 32
"""One update in so many, on average, has the bits of its weights compared; all others have version counters only."""

ALWAYS_SAMPLED = 2
"""The first updates of every model, which are always compared by bits."""

BETWEEN_UPDATES = "views"
"""The hook that is named for whatever happened between two updates."""

_version, _gradient = attrgetter("_version"), attrgetter("grad")


class HookError(ValueError):
    """A hook of a submission did what only the harness, or only another hook, may do, or returned the wrong thing.

    Args:
        hook: name of the hook, such as `after_step`.
        expected: what was expected of it.
        got: what it did.
        remedy: what to do instead.
    """

    def __init__(self, hook: str, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"{hook}: expected {expected}, got {got}; {remedy}")
        self.hook, self.expected, self.got, self.remedy = hook, expected, got, remedy


@dataclass
class ImageCounts:
    """Images that passed through an encoder in training.

    Attributes:
        encoder: through the encoder itself.
        copies: through copies of it, such as teachers.
    """

    encoder: int = 0
    copies: int = 0

    def plus(self, other: ImageCounts, sign: int = 1) -> ImageCounts:
        """Return the sum, or with `sign=-1` the difference."""
        return ImageCounts(self.encoder + sign * other.encoder, self.copies + sign * other.copies)

    def become(self, other: ImageCounts) -> None:
        """Take over the counts of another object; gates go on counting in this one."""
        self.encoder, self.copies = other.encoder, other.copies


class CopyGate:
    """Counts the images through a copy of the encoder, which may be called anywhere.

    Args:
        images: where they are counted.
    """

    def __init__(self, images: ImageCounts) -> None:
        self.images = images
        self._is_announced = False

    def announce(self, num_images: int) -> None:
        """Count a call of the encoder; the `forward` that follows belongs to it."""
        self.ask(num_images)
        self._is_announced = True

    def enter(self, num_images: int) -> None:
        """Count a `forward` that belongs to no call."""
        if self._is_announced:
            self._is_announced = False
        else:
            self.ask(num_images)

    def leave(self) -> None:
        """End a call, whose `forward` may have been compiled code that never enters."""
        self._is_announced = False

    def ask(self, num_images: int) -> None:
        """Count images."""
        self.images.copies += num_images

    def __deepcopy__(self, memo: dict[int, Any]) -> CopyGate:
        """Return a gate for another copy."""
        return CopyGate(self.images)


class EncoderGate(CopyGate):
    """Lets images pass in `loss` and its backward pass only, and counts them.

    Attributes:
        hook: which hook of the submission runs.
        breach: the first refusal; it stays here, because the submission may catch what is raised.
    """

    hook = BETWEEN_UPDATES
    breach: HookError | None = None

    def ask(self, num_images: int) -> None:
        """Count images, or refuse them.

        Raises:
            HookError: another hook than `loss` runs.
        """
        if self.hook != "loss":
            self.breach = self.breach or HookError(
                self.hook, "no call of the encoder", f"one with {counted(num_images, 'image')}",
                "only `loss` may call it: do there what needs features",
            )  # fmt: skip
            raise self.breach
        self.images.encoder += num_images


class EncoderGuard:
    """Watches the encoder of one model while its submission's hooks run.

    The version counters of all weights are compared around every hook. They miss what is written to `weight.data` and
    what a replayed CUDA graph does, so that in some updates all bits are compared, and all layers with them. Which
    updates these are depends on `root`: a step's number alone does not say it.

    Args:
        encoder: its layers and parameters must stay the same objects; `gate` is set.
        root: root key of the seed.

    Attributes:
        images: what passed through the encoder and its copies since this object was made.
        compares_always: whether the bits are compared in every update.
    """

    def __init__(self, encoder: Encoder, root: str) -> None:
        self.images, self.compares_always = ImageCounts(), False
        self._root, self._num_remembered = root, 0
        self._gate = encoder.gate = EncoderGate(self.images)
        self._encoder, self._layers = encoder, list(encoder.modules())
        self._names = [name for name, _ in encoder.named_parameters()]
        self._parameters = list(encoder.parameters())
        paths = [name.rpartition(".") for name in self._names]
        self._places = [(vars(encoder.get_submodule(layer))["_parameters"], name) for layer, _, name in paths]
        self._bits: Tensor | None = _bits_of(self._parameters)
        self._versions = self._current_versions()

    def count_copies_in(self, method: nn.Module) -> None:
        """Count the images through encoders that a method has built for itself."""
        for module in method.modules():
            if isinstance(module, Encoder):
                module.gate = CopyGate(self.images)

    def expect(self, step: int) -> None:
        """Take the weights as they are for the harness's own, from here to the end of update `step`."""
        self._versions = self._current_versions()
        self._num_remembered += 1
        is_sampled = self.compares_always or self._num_remembered <= ALWAYS_SAMPLED or _is_sampled(self._root, step)
        self._bits = _bits_of(self._parameters) if is_sampled else None

    def verify(self, hook: str = BETWEEN_UPDATES) -> None:
        """Demand that nothing was changed since the harness did.

        Args:
            hook: what ran since.

        Raises:
            HookError: the encoder was changed, or called where it may not be.
        """
        self._refuse_breach()
        versions, changed = self._current_versions(), list[str]()
        if versions != self._versions:
            pairs = zip(self._names, self._versions, versions, strict=True)
            changed = [name for name, old, new in pairs if old != new]
        elif self._bits is not None:
            self.verify_layers(hook)
            changed = self._names_of_other_bits(self._bits)
        if changed:
            raise HookError(
                hook, "the encoder's weights as they were", f"another {changed[0]}",
                "only the optimizer's step, which the harness makes, may change them: read them, or change a copy",
            )  # fmt: skip

    def verify_layers(self, hook: str = BETWEEN_UPDATES) -> None:
        """Demand that the encoder has the layers and parameters it was built with.

        Raises:
            HookError: there are others.
        """
        parameters = [content.get(name) for content, name in self._places]
        if _are_the_same(parameters, self._parameters) and _are_the_same(list(self._encoder.modules()), self._layers):
            return
        raise HookError(
            hook, "the encoder's own layers and parameters", "others in their place",
            "use torch.func.functional_call to compute with other weights",
        )  # fmt: skip

    @contextmanager
    def during(self, hook: str) -> Generator[None]:
        """Run one hook of the submission, and verify that it keeps the rules.

        Raises:
            HookError: it does not.
        """
        self._gate.hook = hook
        try:
            yield
        finally:
            self._gate.hook = BETWEEN_UPDATES
        self.verify(hook)

    @contextmanager
    def during_step(self) -> Generator[None]:
        """Run the optimizer's step, which changes weights and must not call the encoder.

        Raises:
            HookError: it called the encoder.
        """
        self._gate.hook = "optimizer.step"
        try:
            yield
        finally:
            self._gate.hook = BETWEEN_UPDATES
        self._refuse_breach()
        self._versions = self._current_versions()
        self._bits = None if self._bits is None else _bits_of(self._parameters)

    def refuse_other_steps(self, optimizer: torch.optim.Optimizer) -> None:
        """Let an optimizer step only when the harness calls it: once in every update."""
        # Wrappers of the family of Lookahead often inherit from Optimizer and never call its constructor.
        if "_optimizer_step_pre_hooks" in vars(optimizer):
            optimizer.register_step_pre_hook(self._refuse_step)

    def _refuse_step(self, *_: object) -> None:
        if self._gate.hook != "optimizer.step":
            self._gate.breach = self._gate.breach or HookError(
                self._gate.hook, "no step of the optimizer", "one", "the harness makes it, once in every update"
            )
            raise self._gate.breach

    def _refuse_breach(self) -> None:
        if self._gate.breach is not None:
            raise self._gate.breach

    def _current_versions(self) -> list[int]:
        return list(map(_version, self._parameters))

    def _names_of_other_bits(self, before: Tensor) -> list[str]:
        now = _bits_of(self._parameters)
        if torch.equal(before, now):
            return []
        sizes = [parameter.numel() for parameter in self._parameters]
        pairs = zip(self._names, before.split(sizes), now.split(sizes), strict=True)
        return [name for name, old, new in pairs if not torch.equal(old, new)]


def _are_the_same(ones: Sequence[object], others: Sequence[object]) -> bool:
    return len(ones) == len(others) and all(map(is_, ones, others))


def gradients_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return the gradients that lie in the parameters of an optimizer."""
    parameters: list[Tensor] = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return [gradient for gradient in map(_gradient, parameters) if gradient is not None]


def refuse_gradients(before: Sequence[Tensor], after: Sequence[Tensor]) -> None:
    """Demand that `loss` left no gradients: those of the returned loss are all that an update takes.

    Raises:
        HookError: there are gradients in `after` that were not there before.
    """
    if any(all(gradient is not old for old in before) for gradient in after):
        raise HookError(
            "loss", "no gradients in parameters when it returns", "some, which would be lost or added",
            "return the mean of the chunks' losses instead of calling backward(), or use torch.autograd.grad",
        )  # fmt: skip


def _is_sampled(root: str, step: int) -> bool:
    return hashlib.sha256(f"{root}/guard/{step}".encode()).digest()[0] % SAMPLED_EVERY == 0


def _bits_of(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return a copy of all weights, flat, as integers: NaN equals itself, and 0 differs from -0."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in parameters]).view(torch.int32)
