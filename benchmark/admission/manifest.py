"""What a submission says about itself: `submission.yaml`.

Pure data. It refuses numbers that no method needs (negative, huge, not finite): hyperparameters are part of the
submission's identity and travel into keys, records and tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from benchmark.admission.hyperparameter import Hyperparameter, kind_of, one_line, unfit
from benchmark.admission.tuning import Dimension, Tuning, unfit_dimensions
from benchmark.spec.base import Document, Problem
from benchmark.spec.documents.loading import read_document
from benchmark.spec.documents.wording import path_to

MAX_MANIFEST_BYTES = 64 << 10

HyperparameterName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="lower-case letters, digits and underscores, at most 64 characters, a letter first",
    ),
]
DatasetName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="names of datasets: lower-case letters, digits, hyphens and underscores, at most 64 characters",
    ),
]
SpecificationName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
        description="names of specifications: lower-case letters, digits and hyphens, at most 64 characters",
    ),
]
Overrides = Annotated[dict[HyperparameterName, Hyperparameter], Field(max_length=128)]
Author = Annotated[
    str,
    Field(min_length=1, max_length=200, description="a name on one line, 1 to 200 characters"),
    AfterValidator(one_line),
]


class Manifest(Document):
    """Who submits what, which labels it needs, and its hyperparameters."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """Name of the submission: lower-case letters, digits, hyphens and underscores, at most 64 characters."""
    authors: Annotated[tuple[Author, ...], Field(min_length=1, max_length=32)]
    """Who made the method: 1 to 32 names of at most 200 characters."""
    description: Annotated[str, Field(max_length=2000)]
    """What the method does, for people, at most 2,000 characters; not part of the identity."""
    paper: Annotated[
        str,
        Field(
            pattern=r"^(https://[A-Za-z0-9][A-Za-z0-9./_~:?#!$&*+,;=%()-]{2,300}"
            r"|(arXiv:)?[0-9]{4}\.[0-9]{4,5}(v[0-9]{1,2})?)?$"
        ),
    ] = ""
    """Address of the paper (https://...) or arXiv identifier (arXiv:2002.05709), or empty; not part of the identity."""
    supervision: Literal["none", "labels"]
    """Whether the method sees training `labels` or `none`: it decides the track, and what the trainer is given."""
    hyperparameters: Annotated[dict[HyperparameterName, Hyperparameter], Field(max_length=128)] = {}  # noqa: RUF012
    """Settings of the method, at most 128: true, false, numbers from 0 to 10^12, text of at most 200 characters."""
    overrides: Annotated[dict[DatasetName, Overrides], Field(max_length=64)] = {}  # noqa: RUF012
    """Per dataset name, hyperparameters that take another value there; each must exist under `hyperparameters`."""
    specification_overrides: Annotated[dict[SpecificationName, Overrides], Field(max_length=64)] = {}  # noqa: RUF012
    """Per specification name, the same; they win over those of its datasets, and hold for all of its versions."""

    search_space: Annotated[dict[HyperparameterName, Dimension], Field(max_length=16)] = {}  # noqa: RUF012
    """Per hyperparameter, the values among which `fmn tune` may choose; not part of the identity."""
    tuning: Tuning | None = None
    """How the hyperparameters were chosen (budget, search, split); not part of the identity. Left out: not stated."""
    specification_tuning: Annotated[dict[SpecificationName, Tuning], Field(max_length=64)] = {}  # noqa: RUF012
    """Per specification name, the same for its `specification_overrides`; `fmn tune --write` writes both."""

    capturable: bool = False
    """Promise that `loss` queues the same work at every update, never waits for it, and changes tensors in place.

    A GPU then replays updates as CUDA graphs: the same bits, several times as fast for small networks. Tried before
    anything is trained; not part of the identity."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse overrides and searches of hyperparameters that do not exist, or by values of another kind."""
        known = values.get("hyperparameters")
        if known is None:
            return
        for field in ("overrides", "specification_overrides"):
            for place, changed in (values.get(field) or {}).items():
                yield from _unfit_overrides(path_to(field, place), changed or {}, known)
        yield from unfit_dimensions(values.get("search_space") or {}, known)

    def resolved(self, dataset_name: str) -> dict[str, bool | int | float | str]:
        """Give the hyperparameters for one dataset: those of every dataset, with its overrides applied.

        Overrides for a specification are not: `under` applies them.
        """
        return {**self.hyperparameters, **self.overrides.get(dataset_name, {})}

    def under(self, specification_name: str) -> Manifest:
        """Return this manifest as it holds under one specification, whose overrides win over those of every dataset.

        What is said of the tuning for this specification wins too.
        """
        changed = self.specification_overrides.get(specification_name, {})
        overrides = {dataset: {**values, **changed} for dataset, values in self.overrides.items()}
        hyperparameters = {**self.hyperparameters, **changed}
        return self.model_copy(
            update={
                "hyperparameters": hyperparameters, "overrides": overrides, "specification_overrides": {},
                "tuning": self.specification_tuning.get(specification_name, self.tuning), "specification_tuning": {},
            }
        )  # fmt: skip


def _unfit_overrides(where: str, changed: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield overrides of hyperparameters that do not exist, or by values of another kind."""
    for name, value in changed.items():
        yield from unfit(path_to(where, name), name, None if value is None else kind_of(value), known)


def read_manifest(data: bytes, file: str = "submission.yaml") -> Manifest:
    """Read a manifest from the bytes of `submission.yaml`, at most 64 KiB.

    Raises:
        InvalidDocumentError: with every problem, each with file, line and field.
    """
    return read_document(Manifest, data, file, MAX_MANIFEST_BYTES)
