"""Who this process is among all ranks, and the few collective operations that are not DeepSpeed's."""

import os
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

import torch
import torch.distributed as dist

from sharding.storage.memory import keep_freed_memory
from trainer.ranks.patience import START_S
from trainer.ranks.rendezvous import own_host
from trainer.ranks.store import open_store


@dataclass(frozen=True, kw_only=True)
class World:
    """A GPU is a different world, never a different code path."""

    rank: int
    local_rank: int
    size: int
    device: torch.device
    control: dist.ProcessGroup | None = None
    """A gloo group for small host-side messages, so that they need not wait for the GPU's queue."""

    hosts: tuple[str, ...] = ()
    """What the machine of each rank is called, by rank; empty where nobody asked."""

    @property
    def host(self) -> str:
        """What this rank's machine is called."""
        return self.hosts[self.rank] if self.hosts else own_host()

    @property
    def is_main(self) -> bool:
        """True on the one rank that writes files and logs."""
        return self.rank == 0

    @property
    def device_id(self) -> int | None:
        """Index of this rank's GPU, None on the CPU: DALI's convention."""
        return self.device.index if self.device.type == "cuda" else None

    @property
    def gpu_name(self) -> str:
        """As its driver has it; empty on a CPU."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""

    def barrier(self) -> None:
        """Wait for all ranks."""
        if self.size > 1:
            dist.barrier()

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Mean over ranks of a tensor of equal shape on each; a new tensor."""
        return self.sum(values) / self.size

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Sum over ranks of a tensor of equal shape on each; a new tensor."""
        total = values.clone()
        if self.size > 1:
            dist.all_reduce(total)
        return total

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on at least one rank: all ranks then act alike. Never waits for a GPU."""
        return bool(self.largest(int(flag)))

    def largest(self, number: int) -> int:
        """The largest of the ranks' numbers. Never waits for a GPU."""
        if self.size == 1:
            return number
        votes = torch.tensor(number)
        dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=self.control)
        return int(votes)

    def gather(self, value: Any) -> list[Any]:
        """The picklable values of all ranks, in their order, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.control)
        return values


def init_world(device: Literal["auto", "cpu", "cuda"] = "auto") -> World:
    """Join the ranks described by RANK, WORLD_SIZE and LOCAL_RANK, or be the only one.

    Ranks of one machine meet in the file that DIPTYCH_STORE names, and listen on loopback only. Those of several meet
    at MASTER_ADDR and MASTER_PORT, and where DIPTYCH_ADDRESS names an address of each rank's machine they listen on
    its interface only: torch asks nobody there who they are, and whoever reaches those ports can run code in the
    ranks.

    Sets DeepSpeed's accelerator to the same device: it is read when deepspeed is imported, which must come later.

    Raises:
        RuntimeError: `cuda` is asked for and there is none, or fewer GPUs than ranks on this machine; or others can
            reach the file in which ranks are to meet, or the address is none of this machine.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    use_cuda = torch.cuda.is_available() if device == "auto" else device == "cuda"
    if use_cuda and local_rank >= torch.cuda.device_count():
        raise RuntimeError(
            f"rank {rank} needs GPU {local_rank} of this machine, which has {torch.cuda.device_count()}; "
            "start fewer ranks or set engine.device to cpu."
        )
    os.environ["DS_ACCELERATOR"] = "cuda" if use_cuda else "cpu"
    if use_cuda:
        torch.cuda.set_device(local_rank)
    else:
        keep_freed_memory()
    if not dist.is_initialized():
        _init_process_group(backend="nccl" if use_cuda else "gloo", rank=rank, size=size)
    where = torch.device("cuda", local_rank) if use_cuda else torch.device("cpu")
    world = World(
        rank=rank, local_rank=local_rank, size=size, device=where, control=_control_group() if size > 1 else None
    )
    return replace(world, hosts=tuple(world.gather(own_host())))


def _control_group() -> dist.ProcessGroup:
    group = dist.new_group(backend="gloo", timeout=timedelta(seconds=START_S))
    assert isinstance(group, dist.ProcessGroup)  # all ranks are members
    return group


def _init_process_group(*, backend: str, rank: int, size: int) -> None:
    timeout = timedelta(seconds=START_S)
    store = open_store(rank=rank, size=size, timeout=timeout)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)


def lone_world(device: torch.device) -> World:
    """The world of a process that has no other ranks and no process group, whatever its environment says."""
    return World(rank=0, local_rank=0, size=1, device=device, hosts=(own_host(),))


def close_world() -> None:
    """Leave the process group, if any."""
    if dist.is_initialized():
        dist.destroy_process_group()
