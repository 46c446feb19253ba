"""What is asked: the Pydantic models of a benchmark document. Imports no torch."""

from benchmark.spec.base import Document, Problem, UserError
from benchmark.spec.benchmark_spec import (
    BenchmarkSpec,
    BootstrapSpec,
    Evaluation,
    FineTuning,
    LinearProbeSpec,
    PieSpec,
    PopulationSpec,
    Task,
    TrainingBudget,
)
from benchmark.spec.datasets import AnyPublished, DatasetSpec, DigitsDataset, ImageFolder, PublishedDataset
from benchmark.spec.encoders import EncoderSpec, ResNet18, SmallResNet, WideResNet16x2
from benchmark.spec.schedules import Gradual, Iterative, OneShot, Schedule

__all__ = [
    "AnyPublished", "BenchmarkSpec", "BootstrapSpec", "DatasetSpec", "DigitsDataset", "Document", "EncoderSpec",
    "Evaluation", "FineTuning", "Gradual", "ImageFolder", "Iterative", "LinearProbeSpec", "OneShot", "PieSpec",
    "PopulationSpec", "Problem", "PublishedDataset", "ResNet18", "Schedule", "SmallResNet", "Task", "TrainingBudget",
    "UserError", "WideResNet16x2",
]  # fmt: skip
