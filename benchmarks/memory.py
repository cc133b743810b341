"""Bytes of weights, gradients and optimizer state on each rank, for each stage of ZeRO, beside the formula.

Rajbhandari et al. 2020 (arXiv:1910.02054, section 3 and 5): of each weight, float32 with Adam keeps 4 bytes of itself,
4 of its gradient and 8 of its two moments. Tensors are counted where DeepSpeed and torch keep them.
"""

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from benchmarks import feature_maps
from benchmarks.cases import CASES
from benchmarks.engines import make_engine, make_method
from benchmarks.machine import command_line, describe_machine
from benchmarks.processes import on_ranks
from sharding.console import markdown_table
from trainer.config.engine import EngineConfig
from trainer.engine.player import PlayerEngine
from trainer.planning.held import KINDS, held_by_kind
from trainer.planning.process import memory_needed
from trainer.ranks.world import World

OUT = Path(__file__).parents[1] / "docs" / "memory.md"
CASE = CASES[0]
MIB = 2**20
NUM_STEPS = 2
STAGES: tuple[Literal[0, 1, 2, 3], ...] = (0, 1, 2, 3)


@dataclass(kw_only=True)
class Measured:
    """One rank: bytes by kind, and of the whole process."""

    num_weights: int = 0
    bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    peak: int = 0
    """Of the process, libraries and feature maps included."""


def measure(world: World, configs: Sequence[EngineConfig]) -> list[Measured]:
    """Train a few steps with each; count after the last backward pass of each player, when it needs most."""
    return [_measure(world, config) for config in configs]


def _measure(world: World, config: EngineConfig) -> Measured:
    gc.collect()
    found = Measured()
    players = make_method(CASE).players.values()
    found.num_weights = sum(p.numel() for player in players for p in player.networks.parameters())
    engine = make_engine(CASE, config, world)
    batch = CASE.batch(world.device)
    for step in range(NUM_STEPS):
        if step == NUM_STEPS - 1:
            for player in engine.players.values():
                _count_before_step(player, found)
        engine.train_step(batch, step=step)
    found.peak = memory_needed(world.device, base=0)
    return found


def _count_before_step(player: PlayerEngine, found: Measured) -> None:
    step = player.engine.step

    def count_and_step() -> None:
        for kind, num_bytes in held_by_kind(player).items():
            found.bytes[kind] += num_bytes
        step()

    player.engine.step = count_and_step


def formula(num_weights: int, *, stage: int, num_ranks: int) -> int:
    """Bytes on one rank by the paper: what a stage splits is divided by the number of ranks."""
    parts = {1: 8, 2: 4, 3: 4}  # first stage that splits it -> bytes of each weight
    return sum(size * num_weights // (num_ranks if stage >= first else 1) for first, size in parts.items())


def stages(num_ranks: int) -> list[list[str]]:
    """Rows of the table: each stage on a number of ranks."""
    configs = [EngineConfig(zero_stage=stage, precision="fp32") for stage in STAGES]
    rows = []
    for stage, found in zip(STAGES, on_ranks(measure, num_ranks, configs)[0], strict=True):
        expected = formula(found.num_weights, stage=stage, num_ranks=num_ranks)
        held = sum(found.bytes[kind] for kind in ("weights", "gradients", "state"))
        cells = [*_cells(found), f"{held / MIB:.1f}", f"{expected / MIB:.1f}", f"{held / expected:.2f}"]
        rows.append([str(num_ranks), str(stage), *cells])
    return rows


OPTIONS: dict[str, EngineConfig] = {
    "ZeRO 0": EngineConfig(precision="fp32"),
    "ZeRO 0, activation_checkpointing": EngineConfig(precision="fp32", activation_checkpointing=True),
    "ZeRO 2": EngineConfig(precision="fp32", zero_stage=2),
    "ZeRO 2, reduce_bucket_size 1000000": EngineConfig(precision="fp32", zero_stage=2, reduce_bucket_size=1_000_000),
    "ZeRO 2, no contiguous_gradients": EngineConfig(precision="fp32", zero_stage=2, contiguous_gradients=False),
    "ZeRO 2, offload_optimizer": EngineConfig(precision="fp32", zero_stage=2, offload_optimizer=True),
    "ZeRO 3": EngineConfig(precision="fp32", zero_stage=3),
}


def options(num_ranks: int) -> list[list[str]]:
    """Rows of the table of what options save; each in processes of its own, whose peak is told."""
    rows = []
    for name, config in OPTIONS.items():
        found = on_ranks(measure, num_ranks, [config])[0][0]
        rows.append([name, *_cells(found), f"{found.peak / MIB:.0f}"])
    return rows


def _cells(found: Measured) -> list[str]:
    return [f"{found.bytes[kind] / MIB:.1f}" for kind in KINDS]


_EXPLAINED = """\
MiB on rank 0, in float32 with Adam, counted after the backward pass of each player, all players together.

- `held`: weights, gradients and optimizer state, which the formula is about: with N ranks 4 bytes of each weight, 4 of
  its gradient and 8 of Adam's two moments, where a stage divides by N what it splits (1 optimizer state, 2 and
  gradients, 3 and weights).
- `copies`: ZeRO 1 to 3 step on a float32 copy of this rank's share of the weights, which for float32 networks is more
  than the formula has: 4 / N bytes of each weight. At ZeRO 3 the weights themselves are such shares.
- `buckets`: buffers that gradients are sent from, where they are still there at that moment. Smaller ones are
  `engine.reduce_bucket_size`.
"""
_REMARKS = """\
ZeRO 1 holds less than the formula: DeepSpeed lets go of gradients that belong to other ranks there too. On one rank
ZeRO only adds copies.
"""
_OPTIONS_EXPLAINED = """\
`process` is the peak of the process, with libraries (a good part of it) and feature maps.
`engine.offload_optimizer` keeps optimizer state and copies, with `engine.offload_parameters` weights as well, in the
memory of the host: on a machine whose device is the host nothing moves. What it frees on a GPU is the columns
`state` and `copies`, and gradients that it takes at once. Not yet run on a GPU.
"""
_MAPS_EXPLAINED = f"""\
MiB that autograd keeps of one call of the generator, {feature_maps.SIDE} px, 32 filters, batch
{feature_maps.BATCH_SIZE}. They grow with the batch and the area of the image, which the tables above do not depend on.
"""


def main(*, out: Path = OUT) -> str:
    """Count bytes on 1, 2 and 4 ranks.

    Args:
        out: the report.
    """
    rows = [row for num_ranks in (1, 2, 4) for row in stages(num_ranks)]
    titles = ["ranks", "ZeRO", *KINDS, "held", "formula", "held / formula"]
    text = "\n".join(
        [
            "# Memory of a rank",
            "",
            describe_machine("torch", "deepspeed"),
            "",
            f"Command: `{command_line('benchmarks.memory')}`. Networks and batch per rank: {CASE.title} (`pix2pix`).",
            "",
            *_EXPLAINED.splitlines(),
            "",
            *markdown_table(titles, rows),
            "",
            *_REMARKS.splitlines(),
            "",
            "## Options, 2 ranks",
            "",
            *_OPTIONS_EXPLAINED.splitlines(),
            "",
            *markdown_table(["options", *KINDS, "process"], options(2)),
            "",
            "## Feature maps",
            "",
            *_MAPS_EXPLAINED.splitlines(),
            "",
            *feature_maps.table(),
            "",
        ]
    )
    out.write_text(text)
    return text


if __name__ == "__main__":
    print(tyro.cli(main))
