"""Batches: the order of images is a function of seed and step, the values are pixels over 255."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.batches import Batches
from benchmark.data.streams import stream_generator

NUM_IMAGES, BATCH_SIZE, STEPS_PER_EPOCH = 22, 5, 4
IMAGES = torch.randint(0, 256, (NUM_IMAGES, 1, 2, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
POSITIONS = torch.arange(NUM_IMAGES)


def naive_positions(seed: int, step: int) -> list[int]:
    """Shuffle whole epochs and walk through them."""
    order = torch.randperm(NUM_IMAGES, generator=stream_generator(seed, "order", step // STEPS_PER_EPOCH)).tolist()
    first = step % STEPS_PER_EPOCH * BATCH_SIZE
    return order[first : first + BATCH_SIZE]


@given(st.integers(0, 50), st.lists(st.integers(0, 40), min_size=1, max_size=10))
def test_a_batch_depends_on_seed_and_step_whatever_was_asked_before(seed: int, steps: list[int]) -> None:
    batches = Batches(IMAGES, POSITIONS, BATCH_SIZE, seed)
    for step in steps:
        batch = batches.at(step)
        assert batch.labels_B is not None
        assert batch.labels_B.tolist() == naive_positions(seed, step)
        assert torch.equal(batch.images_BCHW, IMAGES[batch.labels_B].to(torch.float32) / 255)


def test_in_an_epoch_no_image_comes_twice_and_the_partial_batch_is_dropped() -> None:
    batches = Batches(IMAGES, POSITIONS, BATCH_SIZE, seed=1)
    assert batches.steps_per_epoch == STEPS_PER_EPOCH
    epochs: list[list[int]] = []
    for epoch in range(3):
        labels = [batches.at(epoch * STEPS_PER_EPOCH + step).labels_B for step in range(STEPS_PER_EPOCH)]
        epochs.append([int(label) for each in labels if each is not None for label in each])
    assert all(len(set(epoch)) == len(epoch) == STEPS_PER_EPOCH * BATCH_SIZE for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_without_labels_none_are_given() -> None:
    assert Batches(IMAGES, None, BATCH_SIZE, seed=1).at(0).labels_B is None


def test_taking_a_batch_draws_from_no_global_generator() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Batches(IMAGES, POSITIONS, BATCH_SIZE, seed=1).at(7)
    assert torch.equal(torch.get_rng_state(), before)


def test_changing_a_batch_changes_nothing_behind_it() -> None:
    images, labels = IMAGES.clone(), POSITIONS.clone()
    batch = Batches(images, labels, BATCH_SIZE, seed=1).at(0)
    batch.images_BCHW.zero_()
    assert batch.labels_B is not None
    batch.labels_B.zero_()
    assert torch.equal(images, IMAGES)
    assert torch.equal(labels, POSITIONS)
