"""Our training step against the same networks in a plain torch loop, as most pix2pix code has it.

Variants take turns, so that all meet the same state of the machine; the figures are medians and their ratios.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from benchmarks.incumbent import incumbent
from benchmarks.machine import command_line, describe_machine
from sharding.console import markdown_table
from trainer.config.engine import EngineConfig
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.data.batch import Batch
from trainer.engine.engine import Engine
from trainer.engine.few_pixels import use_products
from trainer.engine.fused_adam import FusedAdam
from trainer.engine.precision import autocasting, fastest_format, resolve_precision
from trainer.methods.base import Method, Networks
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.registry import build_method
from trainer.ranks.world import World, init_world

Step = Callable[[], object]
OUT = Path(__file__).parent / "step.md"
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One size of the networks and the batch."""

    title: str
    side: int
    num_filters: int
    num_downs: int
    batch_size: int
    unet: str
    """The incumbent's name for the generator."""
    target: float
    """Speed to reach against the plain loop."""

    def config(self) -> Pix2PixConfig:
        return Pix2PixConfig(
            generator=GeneratorConfig(num_filters=self.num_filters, num_downs=self.num_downs),
            discriminator=PatchGANConfig(num_filters=self.num_filters),
        )

    def batch(self, device: torch.device) -> Batch:
        size = (self.batch_size, 3, self.side, self.side)
        a, b = (torch.rand(size, device=device) * 2 - 1 for _ in range(2))
        return Batch(a=a, b=b, index=torch.arange(self.batch_size))


CASES = (
    Case(
        title="128 px, ngf 32, batch 4",
        side=128,
        num_filters=32,
        num_downs=7,
        batch_size=4,
        unet="unet_128",
        target=1.5,
    ),
    Case(
        title="U-Net 256, ngf 64, batch 1",
        side=256,
        num_filters=64,
        num_downs=8,
        batch_size=1,
        unet="unet_256",
        target=1.3,
    ),
)


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


def without_deepspeed(case: Case, world: World) -> Step:
    """The same step (precision, layout, products, fused Adam, one graph) in plain torch: what DeepSpeed costs."""
    dtype = resolve_precision(EngineConfig(), world.device)
    layout = fastest_format(dtype, world.device)
    method = build_method(case.config(), Task(channels_a=3, channels_b=3, side=case.side))
    players = {name: player.networks for name, player in method.players.items()}
    for networks in players.values():
        networks.to(device=world.device).to(memory_format=layout)
        if world.device.type == "cpu":
            use_products(networks)
    adams = {
        name: FusedAdam(nets.parameters(), **ADAM, weight_decay=0.0, decouples_decay=False)
        for name, nets in players.items()
    }
    modules = {name: network for networks in players.values() for name, network in networks.items()}
    calls = {name: autocasting(network, device=world.device, dtype=dtype) for name, network in modules.items()}
    networks = Networks(calls, modules)
    batch = in_format(case.batch(world.device), layout)

    def step() -> None:
        fakes = method.forward(networks, batch)
        for name, adam in adams.items():
            for rival, nets in players.items():
                nets.requires_grad_(rival == name)
            adam.zero_grad()
            torch.stack(list(method.losses(name, networks, batch, fakes).values())).sum().backward()
            adam.step()
        for nets in players.values():
            nets.requires_grad_(True)

    return step


def plain(case: Case, world: World) -> Step:
    """float32, contiguous memory, unfused Adam; one pass of G and three of D."""
    method: Method = build_method(case.config(), Task(channels_a=3, channels_b=3, side=case.side))
    generator = method.players["generator"].networks["generator"].to(world.device)
    discriminator = method.players["discriminator"].networks["discriminator"].to(world.device)
    adam_g = torch.optim.Adam(generator.parameters(), **ADAM)
    adam_d = torch.optim.Adam(discriminator.parameters(), **ADAM)
    batch = case.batch(world.device)

    def gan(logits: Tensor, *, real: bool) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.tensor(float(real)).to(logits).expand_as(logits))

    def step() -> None:
        fake = generator(batch.a)
        discriminator.requires_grad_(True)
        adam_d.zero_grad()
        loss_fake = gan(discriminator(torch.cat([batch.a, fake], 1).detach()), real=False)
        loss_real = gan(discriminator(torch.cat([batch.a, batch.b], 1)), real=True)
        ((loss_fake + loss_real) * 0.5).backward()
        adam_d.step()
        discriminator.requires_grad_(False)
        adam_g.zero_grad()
        loss_gan = gan(discriminator(torch.cat([batch.a, fake], 1)), real=True)
        (loss_gan + 100 * F.l1_loss(fake, batch.b)).backward()
        adam_g.step()

    return step


def in_format(batch: Batch, layout: torch.memory_format) -> Batch:
    """The batch as the loader gives it to an engine of this layout."""
    a, b = (image.contiguous(memory_format=layout) for image in (batch.a, batch.b))
    return Batch(a=a, b=b, index=batch.index)


def time_in_turns(
    steps: dict[str, Step], *, device: torch.device, num_rounds: int, num_steps: int
) -> dict[str, list[float]]:
    """Seconds per step of each round, for each variant; rounds alternate between them."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for current_round in range(num_rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            for _ in range(num_steps):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if current_round > 0:  # the first warms up
                seconds[name].append((time.perf_counter() - began) / num_steps)
    return seconds


def run(*, clone: Path | None, num_rounds: int, num_steps: int) -> str:
    """Time all cases; the report as Markdown."""
    world = init_world()
    report = [
        "# Training step",
        "",
        describe_machine("torch", "deepspeed"),
        "",
        f"Command: `{command_line('benchmarks')}`.",
    ]
    for case in CASES:
        reference = "incumbent" if clone else "plain torch loop"
        steps: dict[str, Step] = {
            reference: incumbent(case, world, clone) if clone else plain(case, world),
            "ours without DeepSpeed": without_deepspeed(case, world),
            "ours": ours(case, world),
        }
        seconds = time_in_turns(steps, device=world.device, num_rounds=num_rounds, num_steps=num_steps)
        report += ["", *_table(case, seconds, reference)]
    return "\n".join(report) + "\n"


def _table(case: Case, seconds: dict[str, list[float]], reference: str) -> list[str]:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rows = []
    for name, values in seconds.items():
        ratio = statistics.median(b / a for a, b in zip(values, seconds[reference], strict=True))
        rows.append([name, f"{medians[name]:.3f}", f"{min(values):.3f} - {max(values):.3f}", f"{ratio:.2f}x"])
    lines = ["## " + case.title, "", *markdown_table(["variant", "s/step (median)", "min - max", "speed"], rows)]
    cost = medians["ours"] / medians["ours without DeepSpeed"] - 1
    return [*lines, "", f"Target against the {reference}: {case.target}x. DeepSpeed's own cost: {100 * cost:+.0f} %."]


def main(*, incumbent_clone: Path | None = None, num_rounds: int = 7, num_steps: int = 6, out: Path = OUT) -> str:
    """Time the training step.

    Args:
        incumbent_clone: your clone of junyanz/pytorch-CycleGAN-and-pix2pix takes the place of the plain torch loop.
        num_rounds: turns of each variant.
        num_steps: steps of one turn.
        out: the report.
    """
    report = run(clone=incumbent_clone, num_rounds=num_rounds, num_steps=num_steps)
    out.write_text(report)
    return report


if __name__ == "__main__":
    print(tyro.cli(main))
