"""Losses of the shipped submissions against naive ones, written from their papers image by image in float64.

The papers' symbols are kept: z is a projection, p a prediction, q a queue or a query, k a key.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.encoder import Encoder, build_encoder, prunable_names
from benchmark.method.contract import Method
from tests.submissions.zoo import shipped
from tests.training.tiny import ENCODER

Array = NDArray[np.float64]
B, CLASSES = 6, 3
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


class Case:
    """A submission with an encoder, two random views of six images, and what it made of them."""

    def __init__(self, name: str, num_views: int = 2) -> None:
        self.encoder = build_encoder(ENCODER, 1, seed=0)
        torch.manual_seed(1)
        setting = shipped(name).setting(
            (1, 8, 8), self.encoder.feature_dim, B, num_classes=CLASSES, new_encoder=self._copy
        )
        self.method: Any = shipped(name).method(setting)
        self.views = torch.rand(num_views, B, 1, 8, 8)
        self.labels = LABELS if setting.num_classes else None

    def _copy(self) -> Encoder:
        return copy.deepcopy(self.encoder).requires_grad_(requires_grad=False)

    def loss(self) -> float:
        """Compute the loss with copies, so that no statistics move."""
        method, encoder = copy.deepcopy((self.method, self.encoder))
        return float(method.loss(encoder, self.views, self.labels).detach())

    def features(self, views: Tensor, encoder: nn.Module | None = None) -> Tensor:
        """Encode one batch in training mode."""
        with torch.no_grad():
            return copy.deepcopy(encoder or self.encoder)(views)

    def through(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Apply a head to one batch in training mode."""
        with torch.no_grad():
            return copy.deepcopy(module)(inputs)

    def both(self, *heads: nn.Module) -> tuple[list[Array], list[Array]]:
        """Give the heads' outputs for both views, each a batch of its own, one list of vectors per view."""
        outputs: list[list[Array]] = []
        for view in self.views:
            value = self.features(view)
            for head in heads:
                value = self.through(head, value)
            outputs.append(vectors(value))
        return outputs[0], outputs[1]

    def joint(self, *heads: nn.Module) -> list[Array]:
        """Give the heads' outputs for both views in one batch of 2B."""
        value = self.features(self.views.flatten(0, 1))
        for head in heads:
            value = self.through(head, value)
        return vectors(value)


def vectors(values: Tensor) -> list[Array]:
    return list(values.double().numpy())


def cosine(a: Array, b: Array) -> float:
    return float(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b))


def cross_entropy(logits: Sequence[float], target: int) -> float:
    return -logits[target] + math.log(sum(math.exp(each) for each in logits))


def softmax(values: Array) -> Array:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def nt_xent(z: Sequence[Array], temperature: float) -> float:
    total = 0.0
    for i in range(2 * B):
        positive = cosine(z[i], z[(i + B) % (2 * B)]) / temperature
        total += -positive + math.log(sum(math.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * B) if k != i))
    return total / (2 * B)


def pruned(encoder: nn.Module, sparsity: float) -> Encoder:
    """Zero the smallest weights of a copy, one after the other."""
    other = copy.deepcopy(encoder)
    assert isinstance(other, Encoder)
    weights = [other.get_parameter(name) for name in prunable_names(other)]
    places = [
        (abs(float(v)), n, i) for n, weight in enumerate(weights) for i, v in enumerate(weight.detach().flatten())
    ]
    with torch.no_grad():
        for _, n, i in sorted(places)[: round(sparsity * len(places))]:
            weights[n].view(-1)[i] = 0
    return other


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-4)


def test_supervised_is_cross_entropy_of_a_linear_head() -> None:
    case = Case("supervised", num_views=1)
    logits = vectors(case.through(case.method.head, case.features(case.views[0])))
    total = sum(cross_entropy(list(row), label) for row, label in zip(logits, LABELS.tolist(), strict=True))
    assert case.loss() == close(total / B)


def test_simclr_is_the_normalised_temperature_scaled_cross_entropy_of_both_views() -> None:
    case = Case("simclr")
    assert case.loss() == close(nt_xent(case.joint(case.method.projection), case.method.temperature))


def test_supcon_averages_over_all_positives_outside_of_the_logarithm() -> None:
    """Equation 2 of Khosla et al. 2020; among them the image's own other view."""
    case = Case("supcon")
    z, labels, tau, total = case.joint(case.method.projection), LABELS.tolist() * 2, case.method.temperature, 0.0
    for i in range(2 * B):
        others = sum(math.exp(cosine(z[i], z[k]) / tau) for k in range(2 * B) if k != i)
        positives = [p for p in range(2 * B) if p != i and labels[p] == labels[i]]
        total -= sum(cosine(z[i], z[p]) / tau - math.log(others) for p in positives) / len(positives)
    assert case.loss() == close(total / (2 * B))


def test_dcl_leaves_the_positive_out_of_the_denominator() -> None:
    case = Case("dcl")
    z, total = case.joint(case.method.projection), 0.0
    for i in range(2 * B):
        negatives = [math.exp(cosine(z[i], z[k]) / 0.5) for k in range(2 * B) if k % B != i % B]
        total += -cosine(z[i], z[(i + B) % (2 * B)]) / 0.5 + math.log(sum(negatives))
    assert case.loss() == close(total / (2 * B))


def test_label_smoothing_spreads_a_tenth_over_all_classes() -> None:
    case = Case("label_smoothing", num_views=1)
    logits, total = vectors(case.through(case.method.head, case.features(case.views[0]))), 0.0
    for row, label in zip(logits, LABELS.tolist(), strict=True):
        for k in range(CLASSES):
            share = 0.9 * (k == label) + 0.1 / CLASSES
            total += share * cross_entropy(list(row), k)
    assert case.loss() == close(total / B)


def test_nnclr_contrasts_the_nearest_neighbour_of_one_view_with_the_predictions_of_the_other() -> None:
    case = Case("nnclr")
    z = case.joint(case.method.projection)
    p = case.joint(case.method.projection, case.method.prediction)
    support, total = vectors(case.method.support.features_KD), 0.0
    for own, other in ((0, B), (B, 0)):
        for i in range(B):
            nearest = max(support, key=lambda q: cosine(q, z[own + i]))
            total += cross_entropy([cosine(nearest, p[other + k]) / 0.2 for k in range(B)], i) / (2 * B)
    assert case.loss() == close(total)


def test_nnclr_takes_the_first_views_projections_into_its_support_set_only_after_the_step() -> None:
    case = Case("nnclr")
    z = case.joint(case.method.projection)
    before = case.method.support.features_KD.clone()
    case.method.loss(case.encoder, case.views, None)
    assert torch.equal(case.method.support.features_KD, before)
    case.method.after_step(case.encoder)
    for row, projection in zip(vectors(case.method.support.features_KD)[:B], z[:B], strict=True):
        np.testing.assert_allclose(row, projection / math.sqrt(projection @ projection), atol=1e-5)
    assert torch.equal(case.method.support.features_KD[B:], before[B:])


def test_moco_contrasts_a_query_with_its_own_key_and_the_queue() -> None:
    case = Case("moco_v2")
    (queries, _), queue = case.both(case.method.projection), vectors(case.method.queue.features_KD)
    keys = vectors(case.through(case.method.teacher, case.views[1]))
    total = 0.0
    for q, k in zip(queries, keys, strict=True):
        total += cross_entropy([cosine(q, each) / 0.2 for each in (k, *queue)], 0)
    assert case.loss() == close(total / B)


def test_byol_predicts_the_targets_projection_of_the_other_view_both_ways() -> None:
    case = Case("byol")
    p1, p2 = case.both(case.method.projection, case.method.prediction)
    t1, t2 = (vectors(case.through(case.method.target, view)) for view in case.views)
    pairs = [*zip(p1, t2, strict=True), *zip(p2, t1, strict=True)]
    assert case.loss() == close(sum(2 - 2 * cosine(p, t) for p, t in pairs) / B)


def test_simsiam_predicts_the_other_projection_and_gives_it_no_gradient() -> None:
    case = Case("simsiam")
    z1, z2 = case.both(case.method.projection)
    p1, p2 = case.both(case.method.projection, case.method.prediction)
    pairs = [*zip(p1, z2, strict=True), *zip(p2, z1, strict=True)]
    assert case.loss() == close(-sum(cosine(p, z) for p, z in pairs) / (2 * B))
    for parameter in case.method.prediction.parameters():
        parameter.requires_grad_(requires_grad=False).zero_()  # then no gradient passes through the predictions
    case.method.loss(case.encoder, case.views, None).backward()
    assert not any(w.grad is not None and w.grad.any() for w in case.encoder.parameters())


def test_barlow_twins_compares_the_cross_correlation_with_the_identity() -> None:
    case = Case("barlow_twins")
    z1, z2 = (np.array(each) for each in case.both(case.method.projection))
    z1, z2 = ((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) for z in (z1, z2))
    dim, total = z1.shape[1], 0.0
    for i in range(dim):
        for j in range(dim):
            c = sum(z1[b, i] * z2[b, j] for b in range(B)) / B
            total += (1 - c) ** 2 if i == j else 0.02 * c**2
    assert case.loss() == close(total / dim)


def test_vicreg_is_the_weighted_sum_of_three_terms() -> None:
    case = Case("vicreg")
    views = [np.array(each) for each in case.both(case.method.expander)]
    dim = views[0].shape[1]
    total = 25 * np.mean([(views[0][b, d] - views[1][b, d]) ** 2 for b in range(B) for d in range(dim)])
    for z in views:
        total += 25 * np.mean([max(0.0, 1 - math.sqrt(z[:, d].var(ddof=1) + 1e-4)) for d in range(dim)]) / 2
        covariance = np.cov(z.T)
        total += sum(covariance[i, j] ** 2 for i in range(dim) for j in range(dim) if i != j) / dim
    assert case.loss() == close(float(total))


def test_dino_matches_the_centred_and_sharpened_teacher_of_the_other_view_and_moves_the_centre() -> None:
    case = Case("dino")
    case.method.center.copy_(torch.linspace(-0.1, 0.1, len(case.method.center)))
    center = case.method.center.double().numpy().copy()
    students = [np.array(each) for each in case.both(case.method.head)]
    teachers = [np.array(vectors(case.through(case.method.teacher, view))) for view in case.views]
    total = 0.0
    for own, other in ((0, 1), (1, 0)):
        for b in range(B):
            target = softmax((teachers[own][b] - center) / 0.04)
            total -= float(target @ np.log(softmax(students[other][b] / 0.1))) / (2 * B)
    assert case.loss() == close(total)
    case.method.loss(case.encoder, case.views, None)
    moved = 0.9 * center + 0.1 * np.concatenate(teachers).mean(0)
    np.testing.assert_allclose(case.method.center.numpy(), moved, atol=1e-6)


def test_rotation_names_the_turn_of_every_view() -> None:
    case = Case("rotation", num_views=4)
    logits = case.joint(case.method.head)
    assert case.loss() == close(sum(cross_entropy(list(row), i // B) for i, row in enumerate(logits)) / (4 * B))
    case.method.augmentation = nn.Identity()
    image = torch.arange(4.0).reshape(1, 1, 2, 2) / 4
    quarter_turns = [view[0, 0].mul(4).int().tolist() for view in case.method.views(image)]
    assert quarter_turns == [[[0, 1], [2, 3]], [[1, 3], [0, 2]], [[3, 2], [1, 0]], [[2, 0], [3, 1]]]


def test_sdclr_contrasts_the_encoder_with_itself_without_its_smallest_nine_tenths() -> None:
    case = Case("sdclr")
    features = [case.features(case.views[0]), case.features(case.views[1], pruned(case.encoder, 0.9))]
    z = vectors(case.through(case.method.projection, torch.cat(features)))
    assert case.loss() == close(nt_xent(z, 0.5))


def test_sam_takes_the_gradient_at_the_perturbed_weights_and_moves_statistics_once() -> None:
    case = Case("sam", num_views=1)
    with torch.no_grad():
        case.encoder.get_parameter("stem.0.weight").view(-1)[:5] = 0  # pruned weights
    method, encoder = copy.deepcopy((case.method, case.encoder))
    names = prunable_names(encoder)

    def tensors() -> list[Tensor]:
        return [*(encoder.get_parameter(name) for name in names), method.head.weight]

    loss = nn.functional.cross_entropy(method.head(encoder(case.views[0])), LABELS)
    steps = [g.masked_fill(w == 0, 0) for w, g in zip(tensors(), torch.autograd.grad(loss, tensors()), strict=True)]
    norm = math.sqrt(sum(float(step.double().square().sum()) for step in steps))
    with torch.no_grad():
        for weight, step in zip(tensors(), steps, strict=True):
            weight.add_(step * 0.05 / norm)
    there = nn.functional.cross_entropy(method.head(encoder(case.views[0])), LABELS)
    there.backward()
    loss = case.method.loss(case.encoder, case.views, LABELS)
    loss.backward()
    assert float(loss.detach()) == close(float(there.detach()))
    for name, expected in encoder.named_parameters():
        own = case.encoder.get_parameter(name).grad
        assert own is not None
        assert expected.grad is not None
        assert torch.allclose(own, expected.grad, atol=1e-5), name
    assert int(case.encoder.get_buffer("stem.1.num_batches_tracked")) == 1


def test_nested_adds_the_cross_entropy_of_a_part_whose_compression_is_uniform_in_octaves() -> None:
    case = Case("nested", num_views=1)
    torch.manual_seed(5)
    sparsity = 1 - 2 ** -(6 * float(torch.rand(())))
    total = 0.0
    for encoder in (case.encoder, pruned(case.encoder, sparsity)):
        logits = vectors(case.through(case.method.head, case.features(case.views[0], encoder)))
        total += 0.5 * sum(cross_entropy(list(row), y) for row, y in zip(logits, LABELS.tolist(), strict=True)) / B
    torch.manual_seed(5)
    assert case.loss() == close(total)


@pytest.mark.parametrize(("name", "teacher"), [("moco_v2", "teacher"), ("byol", "target"), ("dino", "teacher")])
def test_a_teacher_follows_encoder_and_head_and_starts_as_their_copy(name: str, teacher: str) -> None:
    case = Case(name)
    method: Method = case.method
    head = method.get_submodule("head" if name == "dino" else "projection")
    students = [*case.encoder.parameters(), *head.parameters()]
    kept = list(method.get_submodule(teacher).parameters())
    assert all(torch.equal(own, students_own) for own, students_own in zip(kept, students, strict=True))
    before = [weight.clone() for weight in kept]
    with torch.no_grad():
        for weight in students:
            weight.add_(1)
    method.after_step(case.encoder)
    momentum = method.setting.number("momentum")
    for old, now in zip(before, kept, strict=True):
        assert torch.allclose(now, momentum * old + (1 - momentum) * (old + 1), atol=1e-6)
