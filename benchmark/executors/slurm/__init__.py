"""The slurm executor: jobs of a cluster, one per seed's tree and one for scoring, on a home that all nodes share."""

from __future__ import annotations
