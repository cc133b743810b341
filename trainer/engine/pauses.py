"""Players that sit out a step because of what it would cost: the rule is the method's, the costs are of all ranks."""

from collections.abc import Collection, Sequence

import torch
from torch import nn

from trainer.data.batch import Batch
from trainer.engine.accumulation import seed_step
from trainer.engine.buffers import BuffersAsNow
from trainer.methods.base import Method, Networks
from trainer.ranks.world import World


@torch.no_grad()
def paused_players(method: Method, networks: Networks, batches: Sequence[Batch], *, world: World) -> Collection[str]:
    """Those that the method lets sit out the step on these micro-batches: the same on all ranks.

    It follows from weights and images alone, so that nothing has to be saved for a resumed run to decide as it would
    have. The passes that it takes leave buffers as they were.
    """
    buffers = BuffersAsNow(nn.ModuleList(networks.module(name) for name in networks))
    names: list[str] = []
    rows = []
    for batch in batches:
        seed_step(batch)
        with buffers:
            costs = method.costs(networks, batch)
        rows.append(torch.stack(list(costs.values())))
        names = list(costs)
    # Gathered, not reduced: where the last digits of a sum differed, ranks would decide differently and wait for ever.
    of_ranks = world.gather(torch.stack(rows).double().mean(dim=0).tolist())
    means = torch.tensor(of_ranks, dtype=torch.float64).mean(dim=0).tolist()
    return method.pauses(dict(zip(names, means, strict=True)))
