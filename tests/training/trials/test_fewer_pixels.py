"""A rehearsal at the task's own batch, on fewer pixels: what it sees, and that pixels are nobody's problem."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmark.encoder import Encoder, build_encoder
from benchmark.spec import Problem
from benchmark.spec.documents.loading import load_spec
from benchmark.training.trials import rehearsal
from benchmark.training.trials.fewer_pixels import give_fewer_pixels
from benchmark.training.trials.processor_time import OutOfTime
from tests.submissions.zoo import SUBMISSIONS, shipped
from tests.training.tiny import BATCH_SIZE, ENCODER, job_without_segments

START = """
from benchmark.method.contract import Method
from benchmark.method.queue import FeatureQueue

class Mine(Method):
"""
RAISES = """
    def loss(self, encoder, views, labels):
        raise KeyError("mine")
"""


def problems(folder: Path, body: str, side: int = 32) -> list[Problem]:
    (folder / "method.py").write_text(START + body, encoding="utf-8")
    return rehearsal.rehearse(job_without_segments(), folder, (1, side, side))


@pytest.mark.parametrize(("size", "left"), [((8, 8), (8, 8)), ((28, 28), (10, 10)), ((32, 48), (8, 12))])
def test_an_encoder_sees_every_kth_pixel_of_every_image(size: tuple[int, int], left: tuple[int, int]) -> None:
    encoder: Encoder = build_encoder(ENCODER, 1, seed=0).eval()
    images, step = torch.rand(3, 1, *size), -(-size[0] // left[0])
    fewer = images[..., ::step, ::step]
    assert fewer.shape[2:] == left
    expected, weights = encoder(fewer), dict[str, torch.Tensor](encoder.named_parameters())
    give_fewer_pixels([encoder])
    assert torch.equal(encoder(images), expected)
    assert torch.equal(torch.func.functional_call(encoder, weights, (images,)), expected)


def test_views_and_batch_are_those_of_the_task_while_the_encoder_and_its_copies_see_8_pixels(tmp_path: Path) -> None:
    body = """
    def __init__(self, setting):
        super().__init__(setting)
        self.teacher = setting.new_encoder()

    def views(self, images):
        assert images.shape == (16, 1, 32, 32), images.shape
        return images[None]

    def loss(self, encoder, views, labels):
        assert views.shape == (1, 16, 1, 32, 32) and self.setting.batch_size == 16, views.shape
        seen = []
        for each in (encoder, self.teacher):
            handle = each.stem.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
            each(views[0])
            handle.remove()
        raise KeyError(str(seen)) if seen != [(16, 1, 32, 32)] * 2 else ValueError("all pixels")
"""
    seen: list[str] = []

    class First(rehearsal.Rehearsal):
        """Stops before a doubt is looked into."""

        def problems(self) -> list[Problem]:
            found = super().problems()
            seen.extend(each.got for each in found)
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "Rehearsal", First)
        problems(tmp_path, body)
    assert BATCH_SIZE == 16
    assert seen == ["""KeyError: '[(16, 1, 8, 8), (16, 1, 8, 8)]'""", "ValueError: all pixels"]


def test_a_queue_that_the_batch_of_the_task_does_not_fit_into_is_found(tmp_path: Path) -> None:
    """A smaller batch would fit."""
    body = """
    def __init__(self, setting):
        super().__init__(setting)
        self.queue = FeatureQueue(15, 4, setting.batch_size)

    def loss(self, encoder, views, labels):
        return encoder(views[0]).square().mean()
"""
    [problem] = problems(tmp_path, body)
    assert "queue: expected at least the batch size, 16, got 15" in problem.got


@pytest.mark.parametrize("side", [32, 8])
def test_a_loss_that_needs_maps_of_whole_images_passes_and_one_that_needs_smaller_ones_does_not(
    tmp_path: Path, side: int
) -> None:
    """What the size could be the reason for is tried again with whole images, and only that answer counts."""
    body = f"""
    def loss(self, encoder, views, labels):
        maps = []
        handle = encoder.stem.register_forward_hook(lambda _, inputs, output: maps.append(output))
        features = encoder(views[0])
        handle.remove()
        if side_of(maps[0]) == {side}:
            return features.square().mean()
        raise RuntimeError(f"maps of {{side_of(maps[0])}} pixels")

def side_of(maps):
    return maps.shape[-1]
"""
    found = [each.got for each in problems(tmp_path, body)]
    assert found == ([] if side == 32 else ["RuntimeError: maps of 32 pixels"])


class Noted(rehearsal.Rehearsal):
    """Notes which rehearsals are made, whether with all pixels."""

    made: list[bool] = []  # noqa: RUF012 - set anew by every test

    def problems(self) -> list[Problem]:
        """Note it, and do it."""
        self.made.append(self._all_pixels)
        return super().problems()


class Hurried(Noted):
    """With all pixels it takes too long."""

    def _check_views(self) -> None:
        if self._all_pixels:
            raise OutOfTime(7)
        super()._check_views()


def test_time_that_is_over_while_a_doubt_is_looked_into_leaves_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "Rehearsal", Hurried)
    monkeypatch.setattr(Noted, "made", [])
    [problem] = problems(tmp_path, RAISES)
    assert problem.got == "KeyError: 'mine'; tried on fewer pixels or images, because whole ones took too long"
    assert Noted.made == [False, True]


def test_small_images_are_given_whole_and_nothing_is_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "Rehearsal", Noted)
    monkeypatch.setattr(Noted, "made", [])
    assert len(problems(tmp_path, RAISES, side=15)) == 1
    assert Noted.made == [True]


def test_a_loss_that_needs_the_batch_of_the_task_passes(tmp_path: Path) -> None:
    """The few whole images are not enough for it."""
    body = """
    def loss(self, encoder, views, labels):
        hardest = encoder(views[0]).square().mean(1).topk(10).values
        return hardest.mean()
"""
    assert problems(tmp_path, body) == []


@pytest.mark.parametrize("name", ["moco_v2", "rotation"])
def test_a_shipped_method_passes_at_the_batch_of_the_founding_study_within_seconds(name: str) -> None:
    """With all pixels it took minutes of two cores."""
    task, manifest = load_spec("corti2022").tasks[0], shipped(name).manifest
    job = job_without_segments(task.encoder, batch_size=task.training.batch_size).model_copy(
        update={"hyperparameters": dict(manifest.under("corti2022").resolved("cifar10")), "num_classes": None}
    )
    assert rehearsal.rehearse(job, SUBMISSIONS / name, (3, 32, 32)) == []
