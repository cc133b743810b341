"""The step of two ranks under the engine, at each stage of ZeRO, against torch's DDP around the same networks.

All variants take turns in one process group of one thread per rank, so that they meet the same state of the machine;
what counts are the ratios within a round.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch.nn.parallel import DistributedDataParallel

from benchmarks.cases import CASES, Case
from benchmarks.engines import make_engine, make_method
from benchmarks.processes import on_ranks
from benchmarks.step import ADAM, Step, time_in_turns
from benchmarks.table import median_and_range, ratios
from sharding.console import markdown_table
from trainer.config.engine import EngineConfig, Precision
from trainer.engine.precision import autocasting, fastest_format, resolve_precision
from trainer.methods.base import Networks
from trainer.ranks.world import World

DDP = "plain DDP"
REDUCES = json.dumps({"zero_optimization": {"use_multi_rank_bucket_allreduce": False}})
VARIANTS: Mapping[str, EngineConfig] = {
    "ZeRO 0": EngineConfig(zero_stage=0),
    "ZeRO 1": EngineConfig(zero_stage=1),
    "ZeRO 1, a reduce for each rank": EngineConfig(zero_stage=1, raw=REDUCES),
    "ZeRO 2": EngineConfig(zero_stage=2),
    "ZeRO 3": EngineConfig(zero_stage=3),
}
Seconds = dict[str, list[float]]
"""Variant -> seconds per step of each round."""


def engine_step(case: Case, world: World, config: EngineConfig) -> Step:
    """As `diptych train` steps."""
    engine, batch = make_engine(case, config, world), case.batch(world.device)
    return lambda: engine.train_step(batch, step=0)


def ddp_step(case: Case, world: World, precision: Precision) -> Step:
    """The same step (precision, layout, fused Adam, one pass of the generator) without DeepSpeed."""
    dtype = resolve_precision(EngineConfig(precision=precision), world.device)
    layout = fastest_format(dtype, world.device)
    method = make_method(case)
    modules = {name: net for player in method.players.values() for name, net in player.networks.items()}
    for network in modules.values():
        network.to(device=world.device).to(memory_format=layout)
    wrapped = {name: DistributedDataParallel(net, forward_sync_buffers=False) for name, net in modules.items()}
    plain, training = (
        {name: autocasting(net, device=world.device, dtype=dtype) for name, net in nets.items()}
        for nets in (modules, wrapped)
    )
    adams = {name: torch.optim.Adam(p.networks.parameters(), **ADAM, fused=True) for name, p in method.players.items()}
    batch = case.batch(world.device)

    def step() -> None:
        fakes = method.forward(Networks(training, modules), batch)
        for name, player in method.players.items():
            for rival in method.players.values():
                rival.networks.requires_grad_(rival is player)
            own = plain | {network: training[network] for network in player.networks}
            losses = method.losses(name, Networks(own, modules), batch, fakes)
            adams[name].zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            adams[name].step()
        for player in method.players.values():
            player.networks.requires_grad_(True)

    return step


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What ranks time."""

    case: Case
    variants: Mapping[str, EngineConfig]
    precision: Precision
    num_rounds: int
    num_steps: int


def measure(world: World, plan: Plan) -> Seconds:
    """One rank's share: plain DDP and all variants in turn."""
    steps = {DDP: ddp_step(plan.case, world, plan.precision)}
    steps |= {
        name: engine_step(plan.case, world, replace(config, precision=plan.precision))
        for name, config in plan.variants.items()
    }
    return time_in_turns(steps, device=world.device, num_rounds=plan.num_rounds, num_steps=plan.num_steps)


def compare_with_ddp(
    *, num_rounds: int, num_steps: int, precision: Precision = "fp32", num_ranks: int = 2
) -> list[str]:
    """Markdown: seconds of a step on rank 0, and speed against plain DDP (above 1 is faster)."""
    plan = Plan(case=CASES[0], variants=VARIANTS, precision=precision, num_rounds=num_rounds, num_steps=num_steps)
    seconds = on_ranks(measure, num_ranks, plan)[0]
    rows = [
        [name, median_and_range(values, digits=3), ratios(seconds[DDP], values)] for name, values in seconds.items()
    ]
    return markdown_table(["variant", "s/step", "speed"], rows, is_markup=True)
