"""What a player's loss is multiplied by in float16, lest small gradients vanish: each player has its own scale.

DeepSpeed's own way with autocast does not do: at ZeRO 1 to 3 each rank looks for infinite gradients in its slice alone,
so that scales differ between ranks; its scale never falls after a step that the gradients' norm has made it skip; and
it clips gradients that are still scaled. At no stage does a checkpoint keep the scale. Here one rule holds at all
stages, and what it decides is the same on all ranks.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from trainer.config.engine import EngineConfig


class LossScaleError(RuntimeError):
    """Gradients are no numbers, however small the scale is."""


@dataclass(kw_only=True)
class LossScale:
    """The scale of one player: halved by a step whose gradients overflow, doubled after a while without one."""

    value: float
    window: int
    """Steps without an overflow after which it doubles."""
    good_steps: int = 0
    """Since it last changed."""
    skipped: int = 0
    """Steps of the whole run that were left out."""

    def update(self, *, overflowed: bool) -> None:
        """After each step, applied or skipped.

        Raises:
            LossScaleError: it cannot fall any further.
        """
        if overflowed:
            if self.value <= 1:
                raise LossScaleError("Gradients are infinite or no numbers, even with a loss scale of 1.")
            self.value, self.good_steps, self.skipped = max(1.0, self.value / 2), 0, self.skipped + 1
            return
        self.good_steps += 1
        if self.good_steps == self.window:
            self.value, self.good_steps = 2 * self.value, 0

    def state_dict(self) -> dict[str, float | int]:
        """What a checkpoint keeps."""
        return {"value": self.value, "good_steps": self.good_steps, "skipped": self.skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; the window is this run's own."""
        self.value, self.good_steps = float(state["value"]), int(state["good_steps"])
        self.skipped = int(state["skipped"])


def make_loss_scale(config: EngineConfig) -> LossScale:
    """One player's, as a run begins."""
    return LossScale(value=config.initial_loss_scale, window=config.loss_scale_window)


@dataclass(kw_only=True)
class UnshardedScaler:
    """Stands in for the `GradScaler` of a DeepSpeed engine at ZeRO 0, which calls these methods in this order.

    Gradients are averaged over the ranks by then: all of them see the same infinities.
    """

    scale_of_player: LossScale
    _overflowed: bool | None = field(default=None, init=False)

    def scale(self, loss: Tensor) -> Tensor:
        """The loss to go back from."""
        return loss * self.scale_of_player.value

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients by the scale: before they are clipped."""
        groups = optimizer.param_groups
        gradients = [weight.grad for group in groups for weight in group["params"] if weight.grad is not None]
        self._overflowed = not bool(torch.nn.utils.get_total_norm(gradients, torch.inf).isfinite())
        for gradient in gradients:
            gradient.mul_(1 / self.scale_of_player.value)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Step, unless a gradient is infinite or no number."""
        if self._overflowed is None:
            self.unscale_(optimizer)
        if not self._overflowed:
            optimizer.step()

    def update(self) -> None:
        """Called after each step."""
        assert self._overflowed is not None
        self.scale_of_player.update(overflowed=self._overflowed)
        self._overflowed = None


def take_over_scaling(engine: Any, scale: LossScale | None) -> None:
    """Let a DeepSpeed engine scale by `scale` and not as it would by itself; not at all without one."""
    if not engine.zero_optimization():
        engine.torch_autocast_z0_gradscaler = None if scale is None else UnshardedScaler(scale_of_player=scale)
        return
    # An earlier run in float16 in this process leaves a scaler to those in float32 after it, by a global variable.
    engine.optimizer.torch_autocast_gradscaler = None
    if scale is not None:
        engine.optimizer.override_loss_scale(scale.value)


def follow_step(engine: Any, scale: LossScale) -> None:
    """Learn from the step that an engine has just made, or skipped. At ZeRO 0 `UnshardedScaler` has done so."""
    if engine.zero_optimization():
        scale.update(overflowed=engine.optimizer.overflow)
        engine.optimizer.override_loss_scale(scale.value)
