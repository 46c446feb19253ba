"""Named random streams: a function of (seed, name, step) and of nothing that happened before."""

from __future__ import annotations

import hashlib
import random
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.streams import Stream, enter_stream, stream_generator, stream_seed

STREAMS: tuple[Stream, ...] = get_args(Stream)

seeds, steps, streams = st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(STREAMS)


def draws() -> tuple[list[float], list[float], list[float]]:
    """Draw three numbers from each of torch, numpy and random."""
    return (
        torch.rand(3, dtype=torch.float64).tolist(),
        np.random.random(3).tolist(),  # noqa: NPY002 - the legacy generator is what submissions and kornia draw from
        [random.random() for _ in range(3)],
    )


@given(seeds, streams, steps)
def test_what_is_drawn_does_not_depend_on_what_was_drawn_before(seed: int, stream: Stream, step: int) -> None:
    enter_stream(seed, stream, step)
    first = draws()
    torch.rand(7)
    np.random.shuffle([1, 2, 3])  # noqa: NPY002
    random.gauss(0, 1)  # leaves a second number waiting in the generator
    enter_stream(seed, stream, step)
    assert draws() == first


@given(st.lists(st.tuples(seeds, streams, steps), min_size=2, max_size=20, unique=True))
def test_different_seeds_names_and_steps_have_different_streams(places: list[tuple[int, Stream, int]]) -> None:
    assert len({stream_seed(*place) for place in places}) == len(places)


@given(seeds, streams, steps)
def test_a_seed_is_the_first_63_bits_of_the_hash_of_its_place(seed: int, stream: Stream, step: int) -> None:
    bits = bin(int(hashlib.sha256(f"{seed}/{stream}/{step}".encode()).hexdigest(), 16))[2:].zfill(256)
    assert stream_seed(seed, stream, step) == int(bits[:63], 2)


def test_a_private_generator_draws_what_the_global_one_would_and_leaves_it_alone() -> None:
    enter_stream(5, "order", 2)
    expected = torch.randperm(10)
    enter_stream(1, "loss", 1)
    undisturbed = draws()
    enter_stream(1, "loss", 1)
    assert torch.equal(torch.randperm(10, generator=stream_generator(5, "order", 2)), expected)
    assert draws() == undisturbed


def test_a_normal_draw_does_not_wait_in_numpy_for_the_next_stream() -> None:
    """The legacy generator of numpy makes normal numbers in pairs and keeps the second."""
    enter_stream(0, "views", 0)
    first = np.random.standard_normal(1)  # noqa: NPY002
    enter_stream(0, "views", 0)
    assert np.random.standard_normal(1) == first  # noqa: NPY002


GOLDEN: dict[tuple[int, Stream, int], tuple[int, float, float, float]] = {
    (0, "init", 0): (7615695542073086227, 0.08240249843001557, 0.15482539359023795, 0.11219979952190973),
    (1, "order", 7): (5851949667019441174, 0.10878358412818512, 0.04204530798659911, 0.1687766558833158),
    (4, "views", 14): (3578474454849731070, 0.14823559404105702, 0.7691153479554831, 0.7706802083845079),
    (9, "loss", 21): (77664624245374178, 0.062386419531193615, 0.8774718702174177, 0.9004563020299109),
    (16, "after_step", 28): (7684481877065605583, 0.1846756082472929, 0.40975814179470404, 0.7932627788831677),
    (25, "prune", 35): (8835241242859530292, 0.43309154655452253, 0.30294585081219605, 0.597127305847798),
}
"""(seed, stream, step) to the stream's seed and the first numbers of torch, numpy and random: pinned for ever."""


@pytest.mark.parametrize("place", list(GOLDEN))
def test_first_draws_are_pinned(place: tuple[int, Stream, int]) -> None:
    value, from_torch, from_numpy, from_random = GOLDEN[place]
    assert stream_seed(*place) == value
    enter_stream(*place)
    (torch_first, *_), (numpy_first, *_), (random_first, *_) = draws()
    assert (torch_first, numpy_first, random_first) == (from_torch, from_numpy, from_random)


def test_every_stream_is_pinned() -> None:
    assert {stream for _, stream, _ in GOLDEN} == set(STREAMS)
