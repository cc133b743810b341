"""How a run is optimised, distributed, portioned and logged."""

from dataclasses import dataclass
from typing import Literal

from trainer.config.errors import STRICT, require

Precision = Literal["auto", "bf16", "fp16", "fp32"]


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How every player is optimised; the defaults are those of Isola et al. 2017 (section 3.3)."""

    __pydantic_config__ = STRICT

    algorithm: Literal["adam", "rmsprop"] = "adam"
    """`rmsprop` is what methods with clipped critics use: momentum makes them unstable."""
    lr: float = 2e-4
    """Learning rate."""
    discriminator_lr_factor: float = 1.0
    """Learning rate of discriminators and critics, as a multiple of `lr`."""
    beta1: float = 0.5
    """Adam's decay of the mean of gradients."""
    beta2: float = 0.999
    """Decay of the mean of squared gradients (of RMSProp, too)."""
    weight_decay: float = 0.0
    """L2 penalty added to the gradients."""
    schedule: Literal["linear", "constant", "cosine", "step"] = "linear"
    """`linear` and `cosine` fall to zero at the end of the run, `step` to a tenth at each step; `constant` stays."""
    decay_start: float = 0.5
    """Fraction of the run after which `linear` and `cosine` begin to fall, and the length of one step of `step`."""

    def __post_init__(self) -> None:
        require(self.lr > 0, "optimizer.lr", self.lr, "use a positive number, e.g. 2e-4.")
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"optimizer.{name}", value, "use 0 up to, not including, 1.")
        for name in ("discriminator_lr_factor", "weight_decay"):
            require(getattr(self, name) >= 0, f"optimizer.{name}", getattr(self, name), "use 0 or more.")
        require(
            self.schedule != "step" or self.decay_start > 0,
            "optimizer.decay_start",
            self.decay_start,
            "is the length of one step of optimizer.schedule = 'step'; use more than 0.",
        )
        require(0 <= self.decay_start < 1, "optimizer.decay_start", self.decay_start, "use 0 to below 1.")


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How the players are distributed: DeepSpeed's settings."""

    __pydantic_config__ = STRICT

    zero_stage: Literal[0, 1, 2, 3] = 0
    """ZeRO: what is split over the ranks. 0 nothing, 1 optimizer state, 2 and gradients, 3 and parameters."""
    precision: Precision = "auto"
    """Of the networks' arithmetic; weights and losses stay float32. `auto` is bf16 where the hardware
    computes in it, else fp32. fp16 needs a GPU."""
    gradient_accumulation_steps: int = 1
    """Micro-batches to one optimizer step."""
    gradient_clipping: float = 0.0
    """Largest gradient norm of a player; 0 is off."""
    activation_checkpointing: bool = False
    """Keep fewer feature maps and compute the others again in the backward pass: less memory, a third more time."""
    sync_batch_norm: bool = False
    """Batch statistics over all ranks, as one process with the whole batch would have them."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: GPUs where there are any."""

    def __post_init__(self) -> None:
        steps = self.gradient_accumulation_steps
        require(steps >= 1, "engine.gradient_accumulation_steps", steps, "use 1 or more.")
        require(
            not (self.zero_stage == 3 and steps > 1),
            "engine.gradient_accumulation_steps",
            steps,
            "gives wrong gradients with engine.zero_stage = 3 when a generator's pass is shared by two players; "
            "use 1, or zero_stage 0 to 2.",
        )
        require(self.gradient_clipping >= 0, "engine.gradient_clipping", self.gradient_clipping, "use 0 (off) or more.")
        require(
            not (self.precision == "fp16" and self.device == "cpu"),
            "engine.precision",
            self.precision,
            "DeepSpeed has no fp16 on the CPU; use bf16 or fp32.",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, in what portions."""

    __pydantic_config__ = STRICT

    total_kimg: float = 12.0
    """Length of the run in thousands of training images (pairs), whatever the number of ranks."""
    batch_size_per_gpu: int = 4
    """Images of one micro-batch on one rank."""
    seed: int = 0
    """Decides initial weights, the order of samples, crops and dropout."""
    ema_half_life_kimg: float = 0.5
    """Half-life of the moving average of the generator's weights, which evaluation uses; 0 is off."""
    patience_kimg: float = 0.0
    """Training ends early, saved and scored as at its end, when the score of `log.keep_best` has not improved for so
    many thousands of images; 0 is off."""

    def __post_init__(self) -> None:
        require(self.total_kimg > 0, "train.total_kimg", self.total_kimg, "use a positive number.")
        require(self.batch_size_per_gpu >= 1, "train.batch_size_per_gpu", self.batch_size_per_gpu, "use 1 or more.")
        require(0 <= self.seed < 2**32, "train.seed", self.seed, "use 0 to 4294967295.")
        require(
            self.ema_half_life_kimg >= 0, "train.ema_half_life_kimg", self.ema_half_life_kimg, "use 0 (off) or more."
        )
        require(self.patience_kimg >= 0, "train.patience_kimg", self.patience_kimg, "use 0 (off) or more.")

    @property
    def total_images(self) -> int:
        """`total_kimg` as a number of images: the position at which a run ends."""
        return max(1, round(1000 * self.total_kimg))


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """How often things are written down. Periods are in thousands of training images; 0 is never."""

    __pydantic_config__ = STRICT

    metrics_kimg: float = 0.1
    """Losses and speed to metrics.jsonl and W&B."""
    samples_kimg: float = 1.0
    """A grid of translated images to samples/ (one more is made after the very first step)."""
    evaluate_kimg: float = 0.0
    """Scores on the validation split, with curves in the report; the test split is scored once at the end."""
    checkpoint_kimg: float = 2.0
    """Checkpoints; one more is made at the end and at SIGTERM."""
    keep_checkpoints: int = 2
    """Older checkpoints are removed."""
    keep_best: str | None = None
    """Also keep the checkpoint with the best of this score, e.g. eval/psnr, of those at each `evaluate_kimg`."""
    num_samples: int = 6
    """Rows of the sample grid."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """`auto`: online when there is an API key and a network, else offline."""
    wandb_project: str = "diptych"
    """The W&B project that the run appears in."""
    wandb_group: str | None = None
    """Runs of one group are shown together; sweeps set it."""

    def __post_init__(self) -> None:
        for name in ("metrics_kimg", "samples_kimg", "evaluate_kimg", "checkpoint_kimg"):
            require(getattr(self, name) >= 0, f"log.{name}", getattr(self, name), "use 0 (never) or more.")
        require(
            0 < len(self.wandb_project) <= 128 and not set(self.wandb_project) & set("/\\#?%:"),
            "log.wandb_project",
            self.wandb_project,
            "W&B allows 1 to 128 characters, and none of / \\ # ? % :",
        )
        require(self.keep_checkpoints >= 1, "log.keep_checkpoints", self.keep_checkpoints, "use 1 or more.")
        require(
            self.keep_best is None or self.evaluate_kimg > 0,
            "log.keep_best",
            self.keep_best,
            "needs scores on the way: set log.evaluate_kimg to more than 0, or log.keep_best to None.",
        )
        require(1 <= self.num_samples <= 64, "log.num_samples", self.num_samples, "use 1 to 64.")
