"""Reading what a trainer wrote: untrusted bytes until every key, shape, dtype, value and count has been checked.

It refuses to unpickle anything, and applies the mask itself: what is scored is weights times mask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from benchmark.encoder import Encoder, prunable_names
from benchmark.pruning.mask import Mask
from benchmark.scoring.invalid_output import InvalidOutput

MAX_HEADER_BYTES = 1 << 20
"""Largest accepted safetensors header; half a million empty tensors would fit into a larger one."""


def load_pruned_weights(
    encoder: Encoder, encoder_file: Path, mask_file: Path, num_pruned: tuple[int, ...]
) -> Mask:
    """Load checked weights into `encoder`, with the checked mask applied.

    Args:
        encoder: the benchmark's own encoder, whose keys, shapes and dtypes are the standard.
        encoder_file: safetensors with exactly the keys of its `state_dict`.
        mask_file: safetensors with one bool tensor per prunable weight, True where it is kept.
        num_pruned: what the plan asked for: one total, or one count per prunable layer; () for a dense model.

    Raises:
        InvalidOutput: anything is missing, extra, of another shape or dtype, not finite, or wrongly counted.
    """
    expected = encoder.state_dict()
    weights = _read_exactly(encoder_file, expected)
    for name in expected:  # in the network's order: the first key that is named is where it began
        tensor = weights[name]
        if not bool(torch.isfinite(tensor).all()):
            raise InvalidOutput(f"{encoder_file.name}: {name!r} contains NaN or infinity; the training has diverged")
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise InvalidOutput(f"{encoder_file.name}: {name!r} contains negative variances")
    names = prunable_names(encoder)
    kept = {name: torch.empty_like(expected[name], dtype=torch.bool) for name in names}
    mask = Mask(_read_exactly(mask_file, kept))
    counts = tuple(int((~mask.kept[name]).sum()) for name in names)
    asked = num_pruned or (0,)
    if (counts if len(asked) > 1 else (sum(counts),)) != asked:
        raise InvalidOutput(f"{mask_file.name}: expected {list(asked)} pruned weights, got {list(counts)} per layer")
    encoder.load_state_dict(weights)
    with torch.no_grad():
        mask.apply({name: encoder.get_parameter(name) for name in names})
    return mask


def _read_exactly(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read a safetensors file that must hold exactly the `expected` keys, shapes and dtypes."""
    most = 8 + MAX_HEADER_BYTES + sum(tensor.nbytes for tensor in expected.values())
    if path.stat().st_size > most:
        raise InvalidOutput(f"{path.name}: expected at most {most} bytes, got {path.stat().st_size}")
    raw = path.read_bytes()
    header_bytes = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or not 2 <= header_bytes <= min(MAX_HEADER_BYTES, len(raw) - 8):
        raise InvalidOutput(f"{path.name}: not a safetensors file with a header of at most {MAX_HEADER_BYTES} bytes")
    try:
        header = json.loads(raw[8 : 8 + header_bytes])
        names = set(header) - {"__metadata__"}
        if names != set(expected):
            raise InvalidOutput(f"{path.name}: {_difference(names, set(expected))}")
        tensors = load(raw)
    except InvalidOutput:
        raise
    except (SafetensorError, ValueError, RecursionError, TypeError, KeyError) as error:
        raise InvalidOutput(f"{path.name}: not a readable safetensors file ({type(error).__name__})") from error
    for name, tensor in tensors.items():
        asked = expected[name]
        if tensor.shape != asked.shape or tensor.dtype != asked.dtype:
            raise InvalidOutput(
                f"{path.name}: {name!r}: expected {asked.dtype} {tuple(asked.shape)}, "
                f"got {tensor.dtype} {tuple(tensor.shape)}"
            )
        if tensor.dtype == torch.bool and bool((tensor.view(torch.uint8) > 1).any()):
            raise InvalidOutput(f"{path.name}: {name!r}: expected bytes 0 and 1 in a mask, got others")
    return tensors


def _difference(got: set[str], expected: set[str]) -> str:
    missing, extra = sorted(expected - got), sorted(got - expected)
    parts = [f"missing key {missing[0]!r}"] if missing else []
    parts += [f"unexpected key {extra[0][:80]!r}"] if extra else []
    return f"{' and '.join(parts)} ({len(missing)} missing, {len(extra)} unexpected in all)"
