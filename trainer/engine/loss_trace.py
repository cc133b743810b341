"""Where a loss that is no number began: the first module whose output is none, found by making the losses once more."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from trainer.config.engine import EngineConfig
from trainer.data.batch import Batch
from trainer.engine.accumulation import seed_step
from trainer.engine.buffers import BuffersAsNow
from trainer.engine.compiled import uncompiled
from trainer.methods.base import Method, Networks
from trainer.ranks.sync_norm import alone
from trainer.ranks.world import World

_WRAPPER = "_checkpoint_wrapped_module."
"""Of activation checkpointing, in names of modules."""


class LossTrace:
    """Looks at each player's loss before its step, which would spoil the weights, and once finds where one began.

    A GPU would be waited for: there it is off unless asked for. At ZeRO 3 no rank can call a network by itself.

    Args:
        networks: as plain modules.
    """

    def __init__(self, method: Method, networks: Networks, *, config: EngineConfig, world: World) -> None:
        self._method, self._networks = method, networks
        self._can = config.zero_stage < 3
        self._is_on = self._can and world.device.type == "cpu"
        self._calls = 0
        self.found: tuple[int, str] | None = None
        """Where this rank's first loss that is no number began: how many losses before it were looked at, which all
        ranks do in one order, and a sentence. Others' are soon lost as well, by its gradients."""

    def turn_on(self) -> None:
        """On a GPU, too."""
        self._is_on = self._can

    def total(self, player: str, losses: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The sum of a player's losses."""
        loss = torch.stack(list(losses.values())).sum()
        if self._is_on and self.found is None and not torch.isfinite(loss):
            self.found = self._calls, where_lost(player, self._method, self._networks, batch)
        self._calls += 1
        return loss


def where_lost(player: str, method: Method, networks: Networks, batch: Batch) -> str:
    """A sentence that names the module, or the images, or says that the losses alone are at fault.

    On this rank alone, with the weights before the player's step. Nothing of the run is moved: neither buffers nor
    histories of images, nor what torch draws next. Dropout is drawn as at the step's beginning.

    Args:
        player: whose losses are no numbers.
        networks: as plain modules.
    """
    view = next((view for view, image in (("a", batch.a), ("b", batch.b), ("c", batch.c)) if _is_lost(image)), None)
    if view is not None:
        keys = ", ".join(batch.keys[:3])
        return f"The images of view {view} were no numbers already, in the batch that begins with {keys or 'it'}"
    modules = {name: networks.module(name) for name in networks}
    with _undisturbed(method, modules), ExitStack() as stack:
        first = stack.enter_context(_first_lost(modules))
        seed_step(batch)
        try:
            method.losses(player, networks, batch, method.forward(networks, batch))
        except RuntimeError as error:  # as for want of memory: the run ends for its losses, not for this
            return f"Where it began could not be found: {str(error).partition(chr(10))[0]}"
    return first.words or "All outputs of modules were numbers: it began in the losses themselves"


class _First:
    """The first output that is no number, in words; empty as long as there is none."""

    def __init__(self) -> None:
        self.words = ""

    def hear(self, name: str, module: nn.Module, _inputs: Any, output: Any) -> None:
        """A module has been called."""
        if self.words or not _is_lost(output):
            return
        own = [weight for weight, value in module.named_parameters() if _is_lost(value)]
        why = f", whose {own[0].replace(_WRAPPER, '')} is none" if own else f" ({type(module).__name__})"
        self.words = f"The output of {name} was the first that is no number{why}"


@contextmanager
def _first_lost(networks: Mapping[str, nn.Module]) -> Iterator[_First]:
    first = _First()
    with ExitStack() as stack:
        for network, root in networks.items():
            for path, module in root.named_modules():
                name = f"{network}.{path}".rstrip(".").replace(_WRAPPER, "")
                stack.callback(module.register_forward_hook(partial(first.hear, name)).remove)
        yield first


@contextmanager
def _undisturbed(method: Method, networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """Inside, networks are called uncompiled, and by this rank alone; outside, all is as before."""
    everything = nn.ModuleList(networks.values())
    histories = {name: list(pool.images) for name, pool in method.pools.items()}
    devices = {weight.device for weight in everything.parameters() if weight.device.type == "cuda"}
    with uncompiled(), alone(everything), BuffersAsNow(everything), torch.random.fork_rng(devices=list(devices)):
        yield
    for name, images in histories.items():
        method.pools[name].images = images


def _is_lost(values: Any) -> bool:
    return any(isinstance(leaf, Tensor) and not torch.isfinite(leaf).all() for leaf in tree_leaves(values))
