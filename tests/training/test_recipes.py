"""What all models of a job have in common on a processor, where nothing is captured or compiled."""

from __future__ import annotations

from benchmark.training.recipes import recipe_of, setting_of

from .methods import Supervised
from .tiny import BATCH_SIZE, STEPS_PER_EPOCH, TOTAL_STEPS, batches_of, job_without_segments


def test_on_a_processor_nothing_is_captured_or_compiled_whatever_the_manifest_says() -> None:
    job = job_without_segments()
    recipe = recipe_of(job, Supervised, setting_of(job, (1, 8, 8), STEPS_PER_EPOCH), batches_of())
    assert recipe.graph_pool is None
    assert not recipe.is_compiled
    assert not recipe.in_bfloat16
    assert (recipe.setting.batch_size, recipe.setting.total_steps) == (BATCH_SIZE, TOTAL_STEPS)
