"""What ranks send in one training step: counted in one process that stands for many, and on the wire between two.

    python -m benchmarks.traffic            # both, for each stage of ZeRO and both precisions

The wire is the loopback of a network namespace of its own, so that nothing else is counted (needs root).
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from benchmarks.cases import CASES, Case
from benchmarks.engines import make_engine
from benchmarks.processes import on_ranks
from trainer.config.engine import EngineConfig
from trainer.engine.deepspeed_config import forget_world
from trainer.ranks.fake import fake_world
from trainer.ranks.world import World

Stage = Literal[0, 1, 2, 3]
Precision = Literal["fp32", "bf16"]
STAGES: tuple[Stage, ...] = (0, 1, 2, 3)
_ROUNDS = {"allreduce": 2, "allgather": 1, "reduce_scatter": 1, "broadcast": 1, "reduce": 1}
"""How often a byte of the whole vector passes each rank, but for what is its own: all-reduce is both halves."""
_INTERFACES = Path("/proc/net/dev")
_STEPS = 4


@dataclass(frozen=True)
class Traffic:
    """Bytes of one step."""

    by_kind: Mapping[str, int]
    """Kind of operation -> bytes of the whole vectors, e.g. what all ranks have after an all-gather."""
    operations: int = 0
    """How many there are."""

    def sent(self, num_ranks: int) -> float:
        """What one rank sends in rings: (n - 1) / n of each vector, twice in an all-reduce (Patarasuk & Yuan 2009)."""
        whole = sum(_ROUNDS[kind] * number for kind, number in self.by_kind.items())
        return whole * (num_ranks - 1) / num_ranks


def _config(stage: Stage, precision: Precision) -> EngineConfig:
    return EngineConfig(zero_stage=stage, precision=precision, device="cpu")


def count_traffic(case: Case, *, stage: Stage, precision: Precision, num_ranks: int) -> Traffic:
    """Count what the collective operations of one step would move, in one process that stands for `num_ranks`."""
    with fake_world(num_ranks) as world:
        try:
            engine, counter = make_engine(case, _config(stage, precision), world), _Counter()
            for player in engine.players.values():
                if player._ddp is not None:
                    player._ddp.register_comm_hook(counter, _count_bucket)
            batch = case.batch(world.device)
            with _QuickConvolutions():
                engine.train_step(batch, step=0)  # ZeRO 3 learns the order in which weights are wanted
                counter.clear()
                with counter:
                    engine.train_step(batch, step=1)
        finally:
            forget_world()
    return Traffic(dict(counter.bytes), counter.operations)


class _QuickConvolutions(TorchDispatchMode):
    """Computes bf16 convolutions in float32: processors without bf16 take a hundred times as long, for equal bytes."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        convolutions = (torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default)
        if func not in convolutions or args[0].dtype != torch.bfloat16:
            return func(*args, **(kwargs or {}))
        return tree_map_only(
            torch.Tensor, torch.Tensor.bfloat16, func(*tree_map_only(torch.Tensor, torch.Tensor.float, args))
        )


class _Counter(TorchDispatchMode):
    """Sees torch's collective operations, but for those of DDP, which its hook sees."""

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.bytes: Counter[str] = Counter()
        self.operations = 0

    def add(self, kind: str, num_bytes: int) -> None:
        """Count an operation."""
        self.bytes[kind] += num_bytes
        self.operations += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "c10d":
            name = func._schema.name.removeprefix("c10d::").strip("_")
            kind = next((kind for kind in _ROUNDS if name.startswith(kind)), None)
            if kind is not None:
                self.add(kind, max(_num_bytes(args[0]), _num_bytes(args[1])))
        return func(*args, **(kwargs or {}))


def _num_bytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(map(_num_bytes, value)) if isinstance(value, list | tuple) else 0


def _count_bucket(counter: _Counter, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:  # pyright: ignore[reportPrivateImportUsage]
    counter.add("allreduce", _num_bytes(bucket.buffer()))
    done: torch.futures.Future[torch.Tensor] = torch.futures.Future()
    done.set_result(bucket.buffer())
    return done


def measure_wire(case: Case, *, stage: Stage, precision: Precision, num_ranks: int = 2) -> float:
    """Bytes that one rank really sends in a step, headers included, by the counter of the loopback interface.

    Raises:
        subprocess.CalledProcessError: this is not root, or a rank failed.
    """
    words = [str(CASES.index(case)), str(stage), precision, str(num_ranks)]
    inside = f'ip link set lo up && exec "{sys.executable}" -m benchmarks.traffic --wire {" ".join(words)}'
    done = subprocess.run(["unshare", "--net", "sh", "-c", inside], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _send(world: World, case: int, stage: Stage, precision: Precision) -> float:
    """Train on one rank, beside the others; bytes that each of them has sent in a step."""
    engine, batch = make_engine(CASES[case], _config(stage, precision), world), CASES[case].batch(world.device)
    engine.train_step(batch, step=0)
    engine.train_step(batch, step=1)
    world.barrier()
    before = _sent_by_loopback()
    for step in range(_STEPS):
        engine.train_step(batch, step=step)
    world.barrier()
    return (_sent_by_loopback() - before) / _STEPS / world.size


def _sent_by_loopback() -> int:
    """Bytes since the interface is there, of this process's network namespace (/sys shows another's)."""
    line = next(line for line in _INTERFACES.read_text().splitlines() if line.strip().startswith("lo:"))
    return int(line.partition(":")[2].split()[8])


def main() -> None:
    """Print counted and measured bytes of each stage."""
    case = CASES[0]
    for precision in ("fp32", "bf16"):
        for stage in STAGES:
            found = count_traffic(case, stage=stage, precision=precision, num_ranks=2)
            wire = measure_wire(case, stage=stage, precision=precision)
            print(precision, stage, dict(found.by_kind), f"{found.sent(2) / 1e6:.1f} MB, wire {wire / 1e6:.1f} MB")


if __name__ == "__main__":
    if "--wire" in sys.argv:
        where = sys.argv.index("--wire")
        number, zero, precision, ranks = sys.argv[where + 1 :]
        print(json.dumps(on_ranks(_send, int(ranks), int(number), int(zero), precision)[0]))
    else:
        main()
