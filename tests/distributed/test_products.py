"""Convolutions as matrix products on two ranks, at stages of ZeRO and compiled, train as plain convolutions do.

Networks of tests have no layer that is large enough for products, so that the bound is lowered.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.test_compiled import NUM_STEPS, train
from tests.distributed.test_parity import (
    NUM_RANKS,
    PIX2PIX,
    Weights,
    assert_close,
    parity_config,
    train_plain,
    train_ranks,
)
from trainer.engine import compiled, few_pixels
from trainer.ranks.world import World

pytestmark = pytest.mark.slow

STAGES = (0, 2, 3)


def train_with_products(world: World, folder: Path) -> list[tuple[Weights, int]]:
    """At each stage, and compiled: the weights, and how many products were made."""
    num_made = 0
    finished = few_pixels._finished

    def counted(*made: Any) -> Any:
        nonlocal num_made
        num_made += 1
        return finished(*made)

    few_pixels.MANY_WEIGHTS, compiled.BACKEND = 1, "aot_eager"
    few_pixels._finished = counted
    found = []
    for stage in STAGES:
        num_made, case = 0, (PIX2PIX, stage, 1)
        found.append((train_ranks(world, folder, [case])[case].unbroken, num_made))
    few_pixels._finished = finished  # a compiled network calls it but while it is traced
    return [*found, (train(world, PIX2PIX, 0, "default"), 1)]


def test_two_ranks_with_products_equal_one_process_without(tmp_path: Path) -> None:
    first, second = run_ranks(train_with_products, NUM_RANKS, tmp_path, timeout_s=540)
    config = parity_config(PIX2PIX)
    expected = [*(train_plain(config, 1) for _ in STAGES), train_plain(config, 1, num_steps=NUM_STEPS)]
    for (ours, num_made), (others, _), plain in zip(first, second, expected, strict=True):
        assert num_made > 0
        assert_close(PIX2PIX, ours, others)
        assert_close(PIX2PIX, ours, plain)
