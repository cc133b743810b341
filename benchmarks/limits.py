"""How near a training step is to what its processor can do: `python -m benchmarks.limits`; writes benchmarks/limits.md.

The limit is the machine's own: the largest square matrix product in the same format, in the same run, on as many
threads. All rates are of processor seconds, which other programs of the machine change less than the clock.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro

from benchmarks.cases import CASES, CYCLEGAN, Case
from benchmarks.engines import make_engine
from benchmarks.machine import command_line, describe_machine
from benchmarks.operations import Operations, Spent, product_rate
from benchmarks.step import in_format
from sharding.console import markdown_table
from trainer.config.engine import EngineConfig
from trainer.config.method import MethodConfig, Task
from trainer.config.optimizer import OptimizerConfig
from trainer.config.shrink import shrink
from trainer.data.batch import Batch
from trainer.engine.engine import Engine
from trainer.engine.precision import resolve_precision
from trainer.methods.registry import build_method, method_names
from trainer.presets import load_preset, preset_names
from trainer.ranks.world import World, init_world

OUT = Path(__file__).parent / "limits.md"
TARGETS = {torch.float32: 0.85, torch.bfloat16: 0.60}
SMALL = {"num_filters": 16, "num_downs": 5, "num_layers": 2, "num_blocks": 2, "side": 0}
"""Of the networks in the table of methods."""
SIDE, BATCH_SIZE, NUM_LABELS = 64, 4, 4
_SHOWN = 12
"""Layers of each table, the costliest first."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Some steps of one configuration, each of which does the same."""

    operations: Operations
    num_steps: int
    seconds: float
    """A step by the clock, undisturbed by the notes that are taken of operations."""
    processor: float
    """A step in processor seconds, likewise."""

    def share(self, rate: float) -> float:
        """Of the matrix product's rate."""
        return self.operations.flops / self.num_steps / self.processor / rate


def measure(step: Callable[[], object], *, num_steps: int) -> Measured:
    """Time a step after two that warm up, then note its operations."""
    for _ in range(2):
        step()
    began, processor = time.perf_counter(), time.process_time()
    for _ in range(num_steps):
        step()
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    with Operations() as operations:
        for _ in range(num_steps):
            step()
    return Measured(
        operations=operations, num_steps=num_steps, seconds=seconds / num_steps, processor=processor / num_steps
    )


def formats(world: World) -> dict[Literal["fp32", "bf16"], torch.dtype]:
    """Those in which a step is timed: bf16 only where the processor computes in it."""
    found: dict[Literal["fp32", "bf16"], torch.dtype] = {"fp32": torch.float32}
    if resolve_precision(EngineConfig(), world.device) == torch.bfloat16:
        found["bf16"] = torch.bfloat16
    return found


def case_report(case: Case, world: World, *, num_steps: int) -> list[str]:
    """The step of a case in each format: its share of the limit, where its time goes, and layer by layer."""
    lines = ["", f"## {case.method}, {case.title}"]
    for name, dtype in formats(world).items():
        engine = make_engine(case, EngineConfig(precision=name, device="cpu"), world)
        batch = in_format(case.batch(world.device), engine.memory_format)
        rate = product_rate(dtype)
        found = measure(_stepper(engine, batch), num_steps=num_steps)
        rate = max(rate, product_rate(dtype))
        lines += ["", f"### {name}", "", _summary(found, rate, target=TARGETS[dtype]), ""]
        lines += markdown_table(
            ["operations", "calls a step", "GFLOP", "processor ms", "of the step", "of the limit"],
            _rows(found.operations.by_kind, found, rate),
        )
        layers = dict(sorted(found.operations.by_layer.items(), key=lambda item: -item[1].processor)[:_SHOWN])
        lines += ["", f"The {_SHOWN} costliest layers:", ""]
        lines += markdown_table(
            ["layer", "calls a step", "GFLOP", "processor ms", "of the step", "of the limit"],
            _rows(layers, found, rate),
        )
    return lines


def methods_report(world: World, *, num_steps: int) -> list[str]:
    """A line for each method: small networks, as a preset of the method has them."""
    rows = []
    for name, section in _sections().items():
        for precision, dtype in formats(world).items():
            engine = _engine_of(section, EngineConfig(precision=precision, device="cpu"), world)
            found = measure(_stepper(engine, _batch(engine)), num_steps=num_steps)
            spent = _by_group(found.operations.by_kind)
            total = sum(spent.values())
            parts = [f"{100 * spent.get(group, 0) / total:.0f}" for group in _GROUPS]
            gflop = found.operations.flops / num_steps / 1e9
            rows.append([name, precision, f"{gflop:.2f}", f"{1000 * found.processor:.0f}", *parts])
            rows[-1].append(f"{100 * found.share(product_rate(dtype)):.0f} %")
    titles = ["method", "format", "GFLOP", "processor ms", *(f"{group}, %" for group in _GROUPS), "of the limit"]
    small = ", ".join(f"{field} {value}" for field, value in SMALL.items())
    return [
        "",
        "## Every method",
        "",
        f"{SIDE} px, batch {BATCH_SIZE}, as the first preset of the method, with no field above {small}.",
        "",
        *markdown_table(titles, rows),
    ]


_GROUPS = ("convolutions", "norm", "activation", "optimizer", "cast", "copy", "rest")


def _by_group(spent: Mapping[str, Spent]) -> dict[str, float]:
    """Processor seconds."""
    groups: dict[str, float] = {}
    for kind, one in spent.items():
        group = "convolutions" if "conv" in kind or kind == "product" else kind if kind in _GROUPS else "rest"
        groups[group] = groups.get(group, 0.0) + one.processor
    return groups


def _sections() -> dict[str, MethodConfig]:
    """The section of each method, of its first preset, made small."""
    found: dict[str, MethodConfig] = {}
    for preset in preset_names():
        section = load_preset(preset).method
        found.setdefault(section.name, shrink(section, SMALL))
    return {name: found[name] for name in method_names() if name in found}


def _engine_of(section: MethodConfig, config: EngineConfig, world: World) -> Engine:
    labels = NUM_LABELS if section.needs_label else 0
    torch.manual_seed(0)
    return Engine(
        build_method(section, Task(channels_a=3, channels_b=3, side=SIDE, num_labels=labels)),
        config=config,
        optimizer=OptimizerConfig(),
        batch_size_per_gpu=BATCH_SIZE,
        world=world,
    )


def _batch(engine: Engine) -> Batch:
    shape = (BATCH_SIZE, 3, SIDE, SIDE)
    a, b = (torch.rand(shape).mul(2).sub(1).contiguous(memory_format=engine.memory_format) for _ in range(2))
    return Batch(a=a, b=b, index=torch.arange(BATCH_SIZE), label=torch.arange(BATCH_SIZE) % NUM_LABELS)


def _stepper(engine: Engine, batch: Batch) -> Callable[[], object]:
    """Every player is due: whoever waits for others steps in the first step of its period."""
    return lambda: engine.train_step(batch, step=max(player.player.period for player in engine.players.values()) - 1)


def _summary(found: Measured, rate: float, *, target: float) -> str:
    flops = found.operations.flops / found.num_steps
    noted = sum(spent.processor for spent in found.operations.by_kind.values()) / found.num_steps
    share, milli = found.share(rate), 1000
    return (
        f"{flops / 1e9:.1f} GFLOP in {milli * found.seconds:.0f} ms by the clock and {milli * found.processor:.0f} "
        f"processor ms, {milli * noted:.0f} of them in operations: {flops / found.processor / 1e9:.0f} GFLOP in a "
        f"processor second. The matrix product reaches {rate / 1e9:.0f}: {100 * share:.0f} % of it "
        f"(target {100 * target:.0f} %)."
    )


def _rows(spent: Mapping[str, Spent], found: Measured, rate: float) -> Iterable[list[str]]:
    total = sum(one.processor for one in found.operations.by_kind.values())
    for name, one in sorted(spent.items(), key=lambda item: -item[1].processor):
        if one.processor < 0.002 * total:
            continue
        share = f"{100 * one.flops / one.processor / rate:.0f} %" if one.flops else ""
        yield [
            name,
            f"{one.calls / found.num_steps:.0f}",
            f"{one.flops / found.num_steps / 1e9:.2f}" if one.flops else "",
            f"{1000 * one.processor / found.num_steps:.1f}",
            f"{100 * one.processor / total:.1f} %",
            share,
        ]


def main(*, num_steps: int = 5, num_threads: int = 0, methods: bool = True, out: Path = OUT) -> str:
    """Say how near the processor's limit a step is.

    Args:
        num_threads: 0 leaves it to torch; with one, what other programs of the machine do counts least.
        num_steps: steps that are timed, and as many whose operations are noted.
        methods: also a line for each method.
        out: the report.
    """
    world = init_world("cpu")
    if num_threads:
        torch.set_num_threads(num_threads)
    lines = ["# How near the limit a step is", "", describe_machine("torch", "deepspeed"), ""]
    lines += [f"Command: `{command_line('benchmarks.limits')}`; threads: {torch.get_num_threads()}.", ""]
    lines += ["Why a step is no nearer: [docs/log.md](../docs/log.md), of 2026-11-30."]
    for case in (*CASES, CYCLEGAN):
        lines += case_report(case, world, num_steps=num_steps)
    if methods:
        lines += methods_report(world, num_steps=num_steps)
    text = "\n".join(lines) + "\n"
    out.write_text(text)
    return text


if __name__ == "__main__":
    print(tyro.cli(main))
