"""What a sparsity leaves of an encoder: refused where nothing is left, said where a whole layer goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from benchmark.plan.events import PruneEvent
from benchmark.plan.plan import Plan
from benchmark.spec import Problem
