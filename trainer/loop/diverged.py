"""Losses that are no numbers any more: seen on one rank, they end all of them, and are traced to where they began."""

from collections import deque
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sharding.console import command_line
from trainer.checkpoints.store import Checkpoints
from trainer.engine.engine import Engine
from trainer.loop.errors import TrainingDivergedError
from trainer.ranks.world import World

_MOST_PENDING = 64
"""Steps that the host may be ahead of a GPU."""


class Origin(NamedTuple):
    """Where this rank's losses ceased to be numbers; the least of all ranks is the first."""

    position: int
    """Images before the step's end."""
    order: int
    """Within the step: each player's losses, then its weights."""
    what: str


@dataclass(frozen=True, kw_only=True)
class _Step:
    position: int
    names: list[str]
    values: Tensor
    are_finite: Tensor
    """On the host, once `copied` says so."""
    copied: Any
    """A CUDA event; None on the CPU."""


class LossWatch:
    """Looks at this rank's losses after each step without waiting for a GPU: there it learns of them a little later."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._pending: deque[_Step] = deque(maxlen=_MOST_PENDING)
        self._lost: _Step | None = None
        self._newest = 0

    def note(self, losses: dict[str, Tensor], *, position: int) -> None:
        """Scalars of one step, under their keys of metrics, in the order in which they were made."""
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        are_finite, copied = _to_host(torch.isfinite(values).all())
        self._newest = position
        self._pending.append(
            _Step(position=position, names=list(losses), values=values, are_finite=are_finite, copied=copied)
        )

    @property
    def has_lost(self) -> bool:
        """Whether a loss of this rank is known to be no number."""
        while self._lost is None and self._pending and _is_there(self._pending[0]):
            step = self._pending.popleft()
            if not step.are_finite:
                self._lost = step
        return self._lost is not None

    def origin(self) -> Origin | None:
        """Where it began on this rank; None if nothing did."""
        if not self.has_lost or self._lost is None:
            return None
        step = self._lost
        losses = dict(zip(step.names, step.values.tolist(), strict=True))
        for order, player in enumerate(self.engine.players):
            own = {name: value for name, value in losses.items() if name.startswith(f"loss/{player}/")}
            for name, value in own.items():
                if not isfinite(value):
                    return Origin(step.position, 2 * order, f"{name} is {value}")
            weight = self._lost_weight(player) if step.position == self._newest else None
            if own and weight is not None:
                return Origin(step.position, 2 * order + 1, f"the step of {player} has made {weight} no number")
        raise AssertionError(losses)

    def _lost_weight(self, player: str) -> str | None:
        lost = self.engine.lost_weights(player)
        return lost[0] if lost else None


def require_finite(losses: dict[str, float], *, position: int, engine: Engine, way_out: str) -> None:
    """Raise TrainingDivergedError, on all ranks, if a mean over ranks is no number. All ranks call it."""
    for name, value in losses.items():
        if not isfinite(value):
            raise TrainingDivergedError(f"{name} is {value} after {position} images. {_where(engine)}{way_out}")


def _where(engine: Engine) -> str:
    """The module in which it began, as one of the ranks has found it. All ranks call it."""
    world = engine.world
    found = [(*each, rank) for rank, each in enumerate(world.gather(engine.trace.found)) if each is not None]
    if not found:
        can_look = world.device.type == "cuda" and engine.zero_stage < 3
        return "" if not can_look else "With --log.trace-losses the module is named. "
    _, words, rank = min(found)
    return f"{words}, on rank {rank}. " if world.size > 1 else f"{words}. "


def way_out(checkpoints: Checkpoints, *, lr: float) -> str:
    """What to do after losses that are no numbers."""
    lower = str(lr / 2)
    if checkpoints.newest is None:
        return f"No checkpoint was saved before. Start anew with --optimizer.lr {lower}, or --engine.precision fp32."
    resume = command_line("diptych", "train", "--resume", checkpoints.folder.parent, "--optimizer.lr", lower)
    return f"The checkpoint of {checkpoints.newest} images is good. Go on from it with a lower rate: {resume}"


def first_origin(watch: LossWatch, world: World) -> str:
    """Where it began on all ranks, in sentences with the rank. All ranks call it."""
    origins = [(origin, rank) for rank, origin in enumerate(world.gather(watch.origin())) if origin is not None]
    origin, rank = min(origins)
    where = f" on rank {rank} (host {world.hosts[rank]})" if world.size > 1 else ""
    return f"{origin.what}{where} after {origin.position} images. {_where(watch.engine)}"


def require_weights(engine: Engine, *, world: World, position: int, way_out: str) -> None:
    """Raise TrainingDivergedError, on all ranks, if a weight of one is no number. All ranks call it."""
    lost = [name for player in engine.players for name in engine.lost_weights(player)]
    for names in world.gather(lost[:1]):
        if names:
            raise TrainingDivergedError(f"{names[0]} is no number after {position} images. {way_out}")


def _to_host(flag: Tensor) -> tuple[Tensor, Any]:
    if flag.device.type != "cuda":
        return flag, None
    there = torch.empty((), dtype=torch.bool, pin_memory=True)
    there.copy_(flag, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record()
    return there, copied


def _is_there(step: _Step) -> bool:
    return step.copied is None or step.copied.query()
