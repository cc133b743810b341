"""How a method's paper trains."""

from dataclasses import dataclass, field

from trainer.config.optimizer import OptimizerConfig


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The training of a paper, from which presets of its own setting begin. `docs/methods.md` has it beside that of the
    authors' code. How many steps players take to one of others is in the method's `adversarial`.
    """

    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(schedule="constant"))
    batch_size: int = 1
    """Images of one step of all ranks together."""

    def __str__(self) -> str:
        """In one line, e.g. `rmsprop 5e-05, decay 0.9, batch 1, constant`."""
        optimizer = self.optimizer
        decays = {"rmsprop": f", decay {optimizer.rmsprop_decay:g}", "adagrad": ""}
        told = f"{optimizer.algorithm} {optimizer.lr:g}"
        told += decays.get(optimizer.algorithm, f", beta1 {optimizer.beta1:g}")
        if optimizer.weight_decay:
            told += f", weight decay {optimizer.weight_decay:g}"
        return f"{told}, batch {self.batch_size}, {optimizer.schedule}"
