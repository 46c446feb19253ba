"""What is asked: the Pydantic models of a benchmark document. Imports no torch."""

from benchmark.spec.base import Document, Problem
from benchmark.spec.benchmark_spec import (
    BenchmarkSpec,
    BootstrapSpec,
    DigitsDataset,
    Evaluation,
    FineTuning,
    LinearProbeSpec,
    PieSpec,
    PopulationSpec,
    SmallResNet,
    Task,
    TrainingBudget,
)
from benchmark.spec.schedules import Gradual, Iterative, OneShot, Schedule

__all__ = [
    "BenchmarkSpec", "BootstrapSpec", "DigitsDataset", "Document", "Evaluation", "FineTuning", "Gradual",
    "Iterative", "LinearProbeSpec", "OneShot", "PieSpec", "PopulationSpec", "Problem", "Schedule", "SmallResNet",
    "Task", "TrainingBudget",
]  # fmt: skip
