"""How a training step would scale to many GPUs: derived from counted bytes and operations, and from stated figures.

    python -m benchmarks.scaling_model      # the tables of docs/scaling.md

Nothing of it was measured on a GPU. What is counted here (bytes, arithmetic, operations) is exact; the hardware's
figures are those of its makers, lowered to what is usually reached.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.cases import CASES, Case
from benchmarks.engines import FLOAT32, make_engine
from benchmarks.traffic import STAGES, Precision, Stage, Traffic, count_traffic
from sharding.console import markdown_table
from trainer.engine.deepspeed_config import forget_world
from trainer.ranks.fake import fake_world


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A cluster, by the figures that a step depends on."""

    gpus_of_node: int = 8
    flops: float = 400e12
    """That a convolution reaches: 40 % of an H100's 989e12 in bf16."""
    launch_s: float = 6e-6
    """From one kernel to the next, where the kernels are shorter: PyTorch's own share of a launch."""
    nvlink: float = 360e9
    """Bytes a second that a GPU sends in NCCL's all-reduce within a node: 80 % of NVLink 4's 450e9."""
    infiniband: float = 40e9
    """Bytes a second of each GPU's own card between nodes: 80 % of NDR's 400 Gbit/s."""
    nvlink_latency_s: float = 3e-6
    infiniband_latency_s: float = 8e-6


@dataclass(frozen=True)
class Work:
    """One step on one rank."""

    flops: int
    kernels: int
    """Operations that torch dispatches; each is a kernel or more."""

    def seconds(self, machine: Machine) -> float:
        """Arithmetic or launches, whichever takes longer."""
        return max(self.flops / machine.flops, self.kernels * machine.launch_s)


class _Operations(TorchDispatchMode):
    """Counts operations that compute."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.number += func.namespace == "aten" and not func.is_view
        return result


def count_work(case: Case) -> Work:
    """Count the arithmetic and the operations of one step of `case`."""
    with fake_world(1) as world:
        try:
            engine, batch = make_engine(case, FLOAT32, world), case.batch(world.device)
            with FlopCounterMode(display=False) as flops:
                engine.train_step(batch, step=0)
            with _Operations() as operations:
                engine.train_step(batch, step=1)
        finally:
            forget_world()
    return Work(flops.get_total_flops(), operations.number)


def communication_s(traffic: Traffic, num_gpus: int, machine: Machine) -> float:
    """Rings within nodes, then between them, where each GPU carries its share: the time of one step's operations."""
    nodes = math.ceil(num_gpus / machine.gpus_of_node)
    inside = min(num_gpus, machine.gpus_of_node)
    seconds = traffic.sent(inside) / machine.nvlink + machine.nvlink_latency_s * (inside - 1) * traffic.operations
    if nodes > 1:
        seconds += traffic.sent(nodes) / machine.gpus_of_node / machine.infiniband
        seconds += machine.infiniband_latency_s * 2 * math.log2(nodes) * traffic.operations
    return seconds


def step_s(work: Work, traffic: Traffic, stage: Stage, num_gpus: int, machine: Machine) -> float:
    """DDP hides what it sends behind two thirds of the step, the backward passes; ZeRO, as set here, hides nothing."""
    alone, sending = work.seconds(machine), communication_s(traffic, num_gpus, machine)
    return alone + (max(0.0, sending - alone * 2 / 3) if stage == 0 else sending)


@cache
def _count(case: Case, stage: Stage, precision: Precision) -> Traffic:
    """Whole vectors, which are the same on any number of ranks, but for some padding."""
    return count_traffic(case, stage=stage, precision=precision, num_ranks=64)


def table(case: Case, work: Work, precision: Precision, machine: Machine) -> list[str]:
    """Megabytes, milliseconds and efficiency of each stage on 8, 64 and 512 GPUs."""
    rows = []
    for stage in STAGES:
        row, traffic = [f"ZeRO {stage}"], _count(case, stage, precision)
        for number in (8, 64, 512):
            taken = step_s(work, traffic, stage, number, machine)
            efficiency = work.seconds(machine) / taken
            row.append(f"{traffic.sent(number) / 1e6:.0f} MB, {taken * 1e3:.1f} ms, {100 * efficiency:.0f} %")
        rows.append(row)
    return markdown_table(["", "8 GPUs", "64 GPUs", "512 GPUs"], rows)


def main() -> None:
    """Print the tables."""
    machine = Machine()
    for case in CASES:
        work = count_work(case)
        for batch_size in (case.batch_size, 16 * case.batch_size):
            of_batch = replace(work, flops=work.flops * batch_size // case.batch_size)
            print(f"\n### {case.title.rpartition(',')[0]}, batch {batch_size} of each GPU, bf16\n")
            alone = f"{of_batch.seconds(machine) * 1e3:.1f} ms alone"
            print(f"{of_batch.flops / 1e9:.0f} GFLOP, {work.kernels} operations: {alone}.\n")
            print("\n".join(table(case, of_batch, "bf16", machine)))


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
