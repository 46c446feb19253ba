"""Untrusted weights: every way in which a file can be wrong is refused, naming the key, and nothing is unpickled."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from benchmark.encoder import Encoder, build_encoder, prunable_names
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.reading.weights import MAX_HEADER_BYTES, load_pruned_weights
from benchmark.spec import SmallResNet

Tensors = dict[str, Tensor]
SPEC = SmallResNet(name="resnet8", width=2)
STEM = "stem.0.weight"
VARIANCE = "stem.1.running_var"


def fresh() -> Encoder:
    return build_encoder(SPEC, in_channels=1, seed=0)


def dense_mask() -> Tensors:
    encoder = fresh()
    return {name: torch.ones_like(encoder.get_parameter(name), dtype=torch.bool) for name in prunable_names(encoder)}


def sparse_mask(num_pruned: int) -> Tensors:
    """Mask the first weights in the network's order."""
    mask = dense_mask()
    for kept in mask.values():
        here = min(num_pruned, kept.numel())
        kept.view(-1)[:here] = False
        num_pruned -= here
    return mask


class Files:
    """The two files of a state, written from tensors or bytes."""

    def __init__(self, folder: Path) -> None:
        self.encoder_file, self.mask_file = folder / "encoder.safetensors", folder / "mask.safetensors"
        self.write(weights(), dense_mask())

    def write(self, encoder: Tensors | bytes, mask: Tensors | bytes) -> None:
        for path, content in ((self.encoder_file, encoder), (self.mask_file, mask)):
            path.write_bytes(content if isinstance(content, bytes) else save(content))

    def load(self, num_pruned: tuple[int, ...] = (), into: Encoder | None = None) -> Encoder:
        encoder = into or fresh()
        load_pruned_weights(encoder, self.encoder_file, self.mask_file, num_pruned)
        return encoder

    def refused(self, message: str, num_pruned: tuple[int, ...] = ()) -> None:
        """Loading is refused with a message that contains this, and the encoder keeps what it had."""
        encoder = fresh()
        before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
        with pytest.raises(InvalidOutput, match=re.escape(message)) as caught:
            self.load(num_pruned, encoder)
        assert str(caught.value).isprintable()
        assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())


def weights() -> Tensors:
    """Weights and buffers as some training may have left them."""
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.rand(tensor.shape, generator=generator) if tensor.is_floating_point() else torch.tensor(20)
        for name, tensor in fresh().state_dict().items()
    }


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_good_weights_are_loaded_as_they_are(files: Files) -> None:
    loaded = files.load().state_dict()
    for name, tensor in weights().items():
        assert torch.equal(loaded[name], tensor)


@pytest.mark.parametrize("num_pruned", [1, 17, 500])
def test_dense_weights_under_a_sparse_mask_are_scored_as_weights_times_mask(files: Files, num_pruned: int) -> None:
    """What a trainer did not zero does not survive: the mask counts, not what lies under it."""
    mask = sparse_mask(num_pruned)
    files.write(weights(), mask)
    loaded = files.load((num_pruned,)).state_dict()
    for name, tensor in weights().items():
        expected = tensor * mask[name] if name in mask else tensor
        assert torch.equal(loaded[name], expected)
    assert sum(int((loaded[name] == 0).sum()) for name in mask) == num_pruned


def test_counts_per_layer_are_checked_layer_by_layer(files: Files) -> None:
    mask = dense_mask()
    counts = tuple(kept.numel() // 2 for kept in mask.values())
    for kept, count in zip(mask.values(), counts, strict=True):
        kept.view(-1)[:count] = False
    files.write(weights(), mask)
    files.load(counts)
    shifted = (counts[0] + 1, counts[1] - 1, *counts[2:])
    files.refused(f"expected {list(shifted)} pruned weights, got {list(counts)} per layer", shifted)


@pytest.mark.parametrize(("asked", "masked"), [((), 1), ((10,), 9), ((10,), 11), ((10,), 0)])
def test_a_mask_with_the_wrong_count_is_refused(files: Files, asked: tuple[int, ...], masked: int) -> None:
    files.write(weights(), sparse_mask(masked))
    files.refused(f"expected {list(asked or (0,))} pruned weights, got [{min(masked, 18)}", asked)


def without(tensors: Tensors, name: str) -> Tensors:
    return {key: tensor for key, tensor in tensors.items() if key != name}


ODD_KEYS = ["../../etc/passwd", "a\x00b", "\x1b[31mred", "", "x" * 100_000, "stem.0.weight ", "\u202egnp", "__proto__"]


@pytest.mark.parametrize("which", ["encoder", "mask"])
@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
def test_an_unexpected_key_is_refused_and_named_escaped(files: Files, which: str, key: str) -> None:
    parts = {"encoder": weights(), "mask": dense_mask()}
    parts[which][key] = torch.zeros(1, dtype=torch.bool)
    files.write(parts["encoder"], parts["mask"])
    files.refused(f"{which}.safetensors: unexpected key {key[:80]!r} (0 missing, 1 unexpected in all)")


@pytest.mark.parametrize("which", ["encoder", "mask"])
def test_a_missing_key_is_refused_by_name(files: Files, which: str) -> None:
    parts = {"encoder": weights(), "mask": dense_mask()}
    parts[which] = without(parts[which], STEM)
    files.write(parts["encoder"], parts["mask"])
    files.refused(f"{which}.safetensors: missing key '{STEM}' (1 missing, 0 unexpected in all)")


def test_a_mask_on_a_tensor_that_may_not_be_pruned_is_refused(files: Files) -> None:
    bias = torch.ones(2, dtype=torch.bool)
    files.write(weights(), {**dense_mask(), "stem.1.bias": bias})
    files.refused("mask.safetensors: unexpected key 'stem.1.bias'")
    files.write(weights(), {**without(dense_mask(), STEM), "stem.1.bias": bias})
    files.refused(f"mask.safetensors: missing key '{STEM}' and unexpected key 'stem.1.bias'")


@pytest.mark.parametrize(
    ("tensor", "got"),
    [
        (torch.rand(2, 1, 3, 3).to(torch.float64), "torch.float64 (2, 1, 3, 3)"),
        (torch.rand(2, 1, 3, 3).to(torch.bfloat16), "torch.bfloat16 (2, 1, 3, 3)"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.int32), "torch.int32 (2, 1, 3, 3)"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.complex64), "torch.complex64 (2, 1, 3, 3)"),
        (torch.rand(1, 2, 3, 3), "torch.float32 (1, 2, 3, 3)"),
        (torch.rand(18), "torch.float32 (18,)"),
        (torch.rand(0), "torch.float32 (0,)"),
        (torch.rand(()), "torch.float32 ()"),
    ],
)
def test_another_shape_or_dtype_is_refused_by_name(files: Files, tensor: Tensor, got: str) -> None:
    files.write({**weights(), STEM: tensor}, dense_mask())
    files.refused(f"encoder.safetensors: '{STEM}': expected torch.float32 (2, 1, 3, 3), got {got}")


def test_a_mask_of_numbers_is_refused(files: Files) -> None:
    files.write(weights(), {**dense_mask(), STEM: torch.ones(2, 1, 3, 3)})
    files.refused(f"mask.safetensors: '{STEM}': expected torch.bool (2, 1, 3, 3), got torch.float32 (2, 1, 3, 3)")


@pytest.mark.parametrize("byte", [2, 3, 0x80, 0xFF])
def test_a_mask_whose_bytes_are_neither_zero_nor_one_is_refused(files: Files, byte: int) -> None:
    """A byte of 2 is true to one operation of torch and false to another: counted as pruned, and yet kept."""
    raw = bytearray(save(dense_mask()))
    raw[-1] = byte
    files.write(weights(), bytes(raw))
    files.refused("expected bytes 0 and 1 in a mask, got others")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [STEM, "stem.1.bias", "stem.1.running_mean", VARIANCE])
def test_a_number_that_is_not_finite_is_refused_by_name(files: Files, name: str, value: float) -> None:
    broken = weights()
    broken[name].view(-1)[-1] = value
    files.write(broken, dense_mask())
    files.refused(f"encoder.safetensors: '{name}' contains NaN or infinity; the training has diverged")


def test_a_number_that_is_not_finite_is_refused_even_under_the_mask(files: Files) -> None:
    broken = weights()
    broken[STEM].view(-1)[0] = float("nan")
    files.write(broken, sparse_mask(1))
    files.refused(f"'{STEM}' contains NaN", (1,))


def test_a_negative_variance_is_refused_by_name(files: Files) -> None:
    broken = weights()
    broken[VARIANCE][0] = -1e-9
    files.write(broken, dense_mask())
    files.refused(f"encoder.safetensors: '{VARIANCE}' contains negative variances")


def header(text: bytes, data: bytes = b"") -> bytes:
    return len(text).to_bytes(8, "little") + text + data


def claims(changes: Callable[[dict[str, Any]], None]) -> bytes:
    """A good file whose header was changed."""
    raw = save(weights())
    size = int.from_bytes(raw[:8], "little")
    parsed: dict[str, Any] = json.loads(raw[8 : 8 + size])
    changes(parsed)
    return header(json.dumps(parsed).encode(), raw[8 + size :])


MALFORMED = {
    "nothing": b"",
    "seven bytes": b"1234567",
    "a length without a header": (10).to_bytes(8, "little"),
    "a length beyond the file": (1 << 40).to_bytes(8, "little") + b"{}",
    "a negative length": b"\xff" * 8 + b"{}",
    "no JSON": header(b"{" * 20),
    "a list": header(b"[1, 2]"),
    "a list of lists": header(b"[[1], [2]]"),
    "a number": header(b"12"),
    "not UTF-8": header(b'{"\xff\xfe": 1}'),
    "nested too deeply": header(b"[" * 100_000),
    "a huge number": header(b'{"a": ' + b"9" * 5000 + b"}"),
    "a pickle": pickle.dumps({"stem.0.weight": [1.0]}),
    "a pickle behind a length": header(pickle.dumps({})),
    "a ZIP file": b"PK\x03\x04" + bytes(100),
    "an entry that is no object": claims(lambda parsed: parsed.update({STEM: 3})),
    "an unknown dtype": claims(lambda parsed: parsed[STEM].update(dtype="F1024")),
    "a dtype that torch does not have": claims(lambda parsed: parsed[STEM].update(dtype="F4")),
    "offsets beyond the file": claims(lambda parsed: parsed[STEM].update(data_offsets=[0, 1 << 40])),
    "offsets that run backwards": claims(lambda parsed: parsed[STEM].update(data_offsets=[72, 0])),
    "offsets that overlap": claims(lambda parsed: parsed[STEM].update(data_offsets=[8, 80])),
    "a shape that does not fit": claims(lambda parsed: parsed[STEM].update(shape=[1 << 62, 4])),
    "a negative shape": claims(lambda parsed: parsed[STEM].update(shape=[-2, 1, 3, -3])),
    "metadata that is no text": claims(lambda parsed: parsed.update(__metadata__={"a": 1})),
    "bytes behind the end": save(weights()) + b"more",
    "an end too early": save(weights())[:-1],
}


@pytest.mark.parametrize("which", ["encoder", "mask"])
@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_file_is_refused_as_such(files: Files, which: str, content: bytes) -> None:
    if which == "encoder":
        files.write(content, dense_mask())
    else:
        files.write(weights(), content)
    files.refused(f"{which}.safetensors: ")


def test_a_pickle_is_never_opened(files: Files, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    files.write(pickle.dumps(Bomb()), pickle.dumps(Bomb()))
    files.refused("encoder.safetensors: not a safetensors file")
    assert not (tmp_path / "exploded").exists()


def test_half_a_million_empty_tensors_are_refused_unread(files: Files) -> None:
    entries = ",".join(f'"{n}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for n in range(500_000))
    content = header(f"{{{entries}}}".encode())
    assert len(content) > MAX_HEADER_BYTES
    files.write(content, dense_mask())
    files.refused("encoder.safetensors: expected at most")


def test_a_file_far_larger_than_the_network_is_refused_unread(files: Files) -> None:
    with files.encoder_file.open("r+b") as file:
        file.truncate(1 << 40)  # sparse: a terabyte that takes no room
    files.refused("encoder.safetensors: expected at most")
