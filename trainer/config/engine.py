"""How a run is distributed over ranks, in which arithmetic."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, AtLeastOne, NumberOrOff
from trainer.config.errors import require
from trainer.config.section import Section

Seconds = Annotated[float, AtLeast(1, "use 1 to 86400 seconds.", most=86_400)]
Precision = Literal["auto", "bf16", "fp16", "fp32"]


@dataclass(frozen=True, kw_only=True)
class EngineConfig(Section):
    """How the players are distributed: DeepSpeed's settings."""

    zero_stage: Literal[0, 1, 2, 3] = 0
    """ZeRO: what is split over the ranks. 0 nothing, 1 optimizer state, 2 and gradients, 3 and parameters."""
    precision: Precision = "auto"
    """Of the networks' arithmetic; weights and losses stay float32. `auto` is bf16 where the hardware
    computes in it, else fp32. fp16 needs a GPU."""
    gradient_accumulation_steps: AtLeastOne = 1
    """Micro-batches to one optimizer step."""
    gradient_clipping: NumberOrOff = 0.0
    """Largest gradient norm of a player; 0 is off."""
    activation_checkpointing: bool = False
    """Keep fewer feature maps and compute the others again in the backward pass: less memory, a third more time."""
    sync_batch_norm: bool = False
    """Batch statistics over all ranks, as one process with the whole batch would have them."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: GPUs where there are any."""
    timeout_s: Seconds = 120.0
    """How long ranks wait for one that does not answer, once all are under way. Saves and scores have longer."""

    def check_fields(self) -> None:
        """Raise ConfigError for settings of DeepSpeed that exclude each other."""
        require(
            not (self.precision == "fp16" and self.device == "cpu"),
            "precision",
            self.precision,
            "DeepSpeed has no fp16 on the CPU; use bf16 or fp32.",
        )
