"""One process that stands for one of many ranks: a configuration of 128 ranks is tried on a laptop.

Collective operations return at once and exchange nothing, so what is computed is wrong; that it can be computed, how
long it takes without waiting, and what would be sent are right. The backend is torch's own (torchtitan's
`COMM_MODE=fake_backend` is the same idea).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.distributed as dist

from trainer.ranks.world import World, close_world

_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "DS_ACCELERATOR")


@contextmanager
def fake_world(size: int, device: Literal["auto", "cpu", "cuda"] = "cpu") -> Iterator[World]:
    """The first of `size` ranks. There must be no process group yet; there is none afterwards."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    former = {name: os.environ.get(name) for name in _VARIABLES}
    use_cuda = torch.cuda.is_available() if device == "auto" else device == "cuda"
    kind = "cuda" if use_cuda else "cpu"
    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE=str(size), DS_ACCELERATOR=kind)
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=size)
    try:
        yield World(rank=0, local_rank=0, size=size, device=torch.device(kind, 0) if use_cuda else torch.device(kind))
    finally:
        close_world()
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
