"""How a run is distributed over ranks, in which arithmetic."""

from dataclasses import dataclass
from typing import Annotated, Literal

from trainer.config.bounds import AtLeast, AtLeastOne, NumberOrOff
from trainer.config.deepspeed_keys import read_raw
from trainer.config.errors import require
from trainer.config.section import Section

Seconds = Annotated[float, AtLeast(1, "use 1 to 86400 seconds.", most=86_400)]
Precision = Literal["auto", "bf16", "fp16", "fp32"]
Compile = Literal["off", "default", "reduce-overhead", "max-autotune"]
_STAGES = {"offload_optimizer": (1, 2, 3), "offload_parameters": (3,), "round_robin_gradients": (1, 2)}
"""What needs something that is split, and the stages that split it."""
_Elements = Annotated[int, AtLeast(0, "use 0 (automatic) or more numbers.")]


@dataclass(frozen=True, kw_only=True)
class EngineConfig(Section):
    """How the players are distributed: DeepSpeed's settings."""

    zero_stage: Literal[0, 1, 2, 3] = 0
    """ZeRO: what is split over the ranks. 0 nothing, 1 optimizer state, 2 and gradients, 3 and parameters."""
    precision: Precision = "auto"
    """Of the networks' arithmetic; weights, losses and gradient penalties stay float32. `auto` is bf16 where the
    hardware computes in it, else fp32. fp16 needs a GPU."""
    tf32: bool = True
    """Let GPUs round what they multiply in float32 to TF32: 10 bits of fraction instead of 23, much faster."""
    initial_loss_scale: Annotated[float, AtLeast(1, "use 1 or more.")] = 65536.0
    """Of fp16: what each player's loss is multiplied by at first, lest small gradients vanish. A step whose gradients
    overflow is skipped, and halves that player's scale."""
    loss_scale_window: AtLeastOne = 2000
    """Of fp16: after so many steps of a player without an overflow its scale doubles."""
    gradient_accumulation_steps: AtLeastOne = 1
    """Micro-batches to one optimizer step."""
    gradient_clipping: NumberOrOff = 0.0
    """Largest gradient norm of a player; 0 is off."""
    activation_checkpointing: bool = False
    """Keep fewer feature maps and compute the others again in the backward pass: less memory, a third more time."""
    compile: Compile = "off"
    """Let torch.compile fuse the operations of the networks: the first steps take minutes, but what was compiled is
    kept for the next start. `reduce-overhead` records CUDA graphs besides, for networks so small that a GPU waits for
    the next kernel; `max-autotune` also tries kernels. Needs zero_stage 0 to 2."""
    offload_optimizer: bool = False
    """Keep optimizer state in the memory of the host, and step there. Needs zero_stage 1 to 3."""
    offload_parameters: bool = False
    """Keep weights in the memory of the host while no layer needs them. Needs zero_stage 3."""
    overlap_comm: Literal["auto", "on", "off"] = "auto"
    """Send gradients while others are computed. `auto` is DeepSpeed's choice: at zero_stage 3 only. At zero_stage 0
    torch's DDP always does."""
    reduce_bucket_size: _Elements = 0
    """Gradients that are sent together. 0 is automatic: all of a player, up to 500 million; at zero_stage 0 25 MiB."""
    allgather_bucket_size: _Elements = 0
    """Weights that are sent together after a step, at zero_stage 1 and 2. 0 is automatic: 500 million at most."""
    contiguous_gradients: bool = True
    """Copy gradients into one buffer as they come, at zero_stage 1 to 3: faster to send, a bucket more of memory."""
    round_robin_gradients: bool = False
    """Spread the gradients of each layer over all ranks, at zero_stage 1 and 2: offloading copies side by side then."""
    sync_batch_norm: bool = False
    """Batch statistics over all ranks, as one process with the whole batch would have them."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: GPUs where there are any."""
    timeout_s: Seconds = 120.0
    """How long ranks wait for one that does not answer, once all are under way. Saves and scores have longer."""
    raw: str = "{}"
    """Other keys of DeepSpeed's configuration as JSON, e.g. '{"zero_optimization": {"sub_group_size": 1000000}}'.
    Those that DeepSpeed does not know, that are set elsewhere here, or that would make results wrong are refused."""

    def check_fields(self) -> None:
        """Raise ConfigError for settings of DeepSpeed that exclude each other."""
        self._check_stage()
        self._check_compile()
        self.require_device(self.device)
        read_raw(self.raw, zero_stage=self.zero_stage)

    def require_device(self, device: str, *, within: str = "") -> None:
        """Raise ConfigError if a run should not be on `device` (cpu, cuda), which `auto` tells only where it runs.

        Args:
            within: what stands before the name of the field, e.g. `engine.`.
        """
        require(
            not (self.precision == "fp16" and device == "cpu"),
            f"{within}precision",
            self.precision,
            "is slower than fp32 on the CPU and less exact; use bf16 or fp32.",
        )
        require(
            self.compile in ("off", "default") or device != "cpu",
            f"{within}compile",
            self.compile,
            "records CUDA graphs, which need a GPU; use default or off.",
        )

    def _check_compile(self) -> None:
        """What compiled networks cannot be combined with."""
        excluded = {
            "zero_stage": (self.zero_stage == 3, "gathers weights while a network runs; use 0 to 2"),
            "activation_checkpointing": (self.activation_checkpointing, "is not traced; leave it off"),
            "sync_batch_norm": (self.sync_batch_norm, "asks other ranks in the middle of a network; leave it off"),
        }
        for name, (is_set, reason) in excluded.items():
            value = getattr(self, name)
            require(self.compile == "off" or not is_set, name, value, f"{reason}, or set engine.compile to off.")

    def _check_stage(self) -> None:
        """What a stage of ZeRO has not, or would do wrong."""
        for name, stages in _STAGES.items():
            require(
                not getattr(self, name) or self.zero_stage in stages,
                name,
                True,
                f"needs engine.zero_stage = {' or '.join(map(str, stages))}; or leave it off.",
            )
