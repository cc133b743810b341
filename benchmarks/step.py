"""Our training step against the same networks in a plain torch loop, as most such code has it.

Variants take turns, so that all meet the same state of the machine; the figures are medians and their ratios.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from torch import nn

from benchmarks.cases import CASES, CYCLEGAN, Case
from benchmarks.incumbent import incumbent
from benchmarks.machine import command_line, describe_machine
from sharding.console import markdown_table
from trainer.config.engine import EngineConfig
from trainer.config.method import Task
from trainer.config.optimizer import OptimizerConfig
from trainer.data.batch import Batch
from trainer.engine.engine import Engine
from trainer.engine.few_pixels import use_products
from trainer.engine.fused_adam import FusedAdam
from trainer.engine.instance_norm import keep_layout
from trainer.engine.precision import autocasting, fastest_format, resolve_precision
from trainer.methods.base import Method, Networks
from trainer.methods.registry import build_method
from trainer.ranks.world import World, init_world

Step = Callable[[], object]
OUT = Path(__file__).parent / "step.md"
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}


def ours(case: Case, world: World) -> Step:
    """DeepSpeed at ZeRO 0, as `diptych train` runs it."""
    method = build_method(case.config(), Task(channels_a=3, channels_b=3, side=case.side))
    engine = Engine(
        method,
        config=EngineConfig(),
        optimizer=OptimizerConfig(),
        batch_size_per_gpu=case.batch_size,
        world=world,
    )
    batch = in_format(case.batch(world.device), torch.channels_last)  # as the loader gives it
    return lambda: engine.train_step(batch, step=0)


def torch_loop(case: Case, world: World, *, is_plain: bool) -> Step:
    """The method in plain torch.

    Args:
        is_plain: as most such code is: float32, contiguous memory, unfused Adam, torch's layers as they are. Else as
            ours (precision, layout, layers, fused Adam): what DeepSpeed costs.
    """
    dtype = torch.float32 if is_plain else resolve_precision(EngineConfig(), world.device)
    layout = torch.contiguous_format if is_plain else fastest_format(dtype, world.device)
    method = build_method(case.config(), Task(channels_a=3, channels_b=3, side=case.side))
    players = {name: player.networks for name, player in method.players.items()}
    for networks in players.values():
        networks.to(device=world.device).to(memory_format=layout)
        if world.device.type == "cpu" and not is_plain:
            use_products(networks)
            keep_layout(networks)
    adams = {
        name: torch.optim.Adam(nets.parameters(), **ADAM)
        if is_plain
        else FusedAdam(nets.parameters(), **ADAM, weight_decay=0.0, decouples_decay=False)
        for name, nets in players.items()
    }
    modules = {name: network for networks in players.values() for name, network in networks.items()}
    calls = {name: autocasting(network, device=world.device, dtype=dtype) for name, network in modules.items()}
    networks = Networks(calls, modules, joins_calls=dtype != torch.float32)
    batch = in_format(case.batch(world.device), layout)
    return lambda: _step(method, networks, batch, players=players, adams=adams)


def _step(
    method: Method,
    networks: Networks,
    batch: Batch,
    *,
    players: Mapping[str, nn.Module],
    adams: Mapping[str, torch.optim.Optimizer],
) -> None:
    fakes = method.forward(networks, batch)
    for name, adam in adams.items():
        for rival, nets in players.items():
            nets.requires_grad_(rival == name)
        adam.zero_grad()
        torch.stack(list(method.losses(name, networks, batch, fakes).values())).sum().backward()
        adam.step()
    for nets in players.values():
        nets.requires_grad_(True)


def in_format(batch: Batch, layout: torch.memory_format) -> Batch:
    """The batch as the loader gives it to an engine of this layout."""
    a, b = (image.contiguous(memory_format=layout) for image in (batch.a, batch.b))
    return Batch(a=a, b=b, index=batch.index)


def time_in_turns(
    steps: dict[str, Step], *, device: torch.device, num_rounds: int, num_steps: int
) -> dict[str, list[float]]:
    """Seconds per step of each round, for each variant; rounds alternate between them."""
    turns = take_turns(steps, device=device, num_rounds=num_rounds, num_steps=num_steps)
    return {name: [turn.seconds for turn in of_variant] for name, of_variant in turns.items()}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a step took in one turn of a variant."""

    seconds: float
    """By the clock."""
    processor: float
    """Seconds of all threads together."""


def take_turns(
    steps: dict[str, Step], *, device: torch.device, num_rounds: int, num_steps: int
) -> dict[str, list[Turn]]:
    """As `time_in_turns`, in both measures."""
    turns: dict[str, list[Turn]] = {name: [] for name in steps}
    for current_round in range(num_rounds + 1):
        for name, step in steps.items():
            began, processor = time.perf_counter(), time.process_time()
            for _ in range(num_steps):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            taken = time.perf_counter() - began, time.process_time() - processor
            if current_round > 0:  # the first warms up
                turns[name].append(Turn(seconds=taken[0] / num_steps, processor=taken[1] / num_steps))
    return turns


def run(*, clone: Path | None, num_rounds: int, num_steps: int) -> str:
    """Time all cases; the report as Markdown."""
    world = init_world()
    report = [
        "# Training step",
        "",
        describe_machine("torch", "deepspeed"),
        "",
        f"Command: `{command_line('benchmarks')}`; threads: {torch.get_num_threads()}. Speed is the median of the "
        f"ratios of each round. Load of the machine at the start: {os.getloadavg()[0]:.0f}.",
    ]
    reference = "incumbent" if clone else "plain torch loop"
    for case in (*CASES, CYCLEGAN):
        steps: dict[str, Step] = {
            reference: incumbent(case, world, clone) if clone else torch_loop(case, world, is_plain=True),
            "ours without DeepSpeed": torch_loop(case, world, is_plain=False),
            "ours": ours(case, world),
        }
        turns = take_turns(steps, device=world.device, num_rounds=num_rounds, num_steps=num_steps)
        report += ["", *_table(case, turns, reference)]
    return "\n".join(report) + "\n"


def _table(case: Case, turns: Mapping[str, list[Turn]], reference: str) -> list[str]:
    rows = []
    for name, own in turns.items():
        pairs = list(zip(turns[reference], own, strict=True))
        by_clock = statistics.median(one.seconds / other.seconds for one, other in pairs)
        by_processor = statistics.median(one.processor / other.processor for one, other in pairs)
        seconds = [turn.seconds for turn in own]
        rows.append([name, f"{statistics.median(seconds):.3f}", f"{min(seconds):.3f} - {max(seconds):.3f}"])
        rows[-1] += [f"{by_clock:.2f}x", f"{_processor(own):.3f}", f"{by_processor:.2f}x"]
    titles = ["variant", "s/step (median)", "min - max", "speed", "processor s/step", "speed by processor"]
    lines = [f"## {case.method}, {case.title}", "", *markdown_table(titles, rows)]
    cost = _processor(turns["ours"]) / _processor(turns["ours without DeepSpeed"]) - 1
    return [*lines, "", f"Target against the {reference}: {case.target}x. DeepSpeed's own cost: {100 * cost:+.0f} %."]


def _processor(turns: list[Turn]) -> float:
    return statistics.median(turn.processor for turn in turns)


def main(
    *,
    incumbent_clone: Path | None = None,
    num_rounds: int = 7,
    num_steps: int = 6,
    num_threads: int = 0,
    out: Path = OUT,
) -> str:
    """Time the training step.

    Args:
        incumbent_clone: your clone of junyanz/pytorch-CycleGAN-and-pix2pix takes the place of the plain torch loop.
        num_rounds: turns of each variant.
        num_steps: steps of one turn.
        num_threads: 0 leaves it to torch.
        out: the report.
    """
    if num_threads:
        torch.set_num_threads(num_threads)
    report = run(clone=incumbent_clone, num_rounds=num_rounds, num_steps=num_steps)
    out.write_text(report)
    return report


if __name__ == "__main__":
    print(tyro.cli(main))
