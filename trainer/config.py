"""The configuration of a run: frozen dataclasses that validate themselves, and nothing else.

Imports neither torch nor deepspeed, so that a mistake on the command line is answered at once. Each section belongs
to one component, which receives that section only. The docstring under a field is its help text on the command line.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

Skips = Literal["concatenate", "add", "none"]
Norm = Literal["batch", "instance", "none"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]
Adversarial = Literal["bce", "least-squares"]

_STRICT = ConfigDict(extra="forbid")


class ConfigError(ValueError):
    """A field has an impossible value. The message names the field, the value and what would work."""

    def __init__(self, name: str, value: object, remedy: str) -> None:
        self.name = name
        super().__init__(f"{name} = {value!r}: {remedy}")


def _require(condition: bool, name: str, value: object, remedy: str) -> None:
    if not condition:
        raise ConfigError(name, value, remedy)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which two views of which data set, and how they are cropped."""

    __pydantic_config__ = _STRICT

    path: Path = Path("data/earth-128")
    """Folder of a data set made by `diptych shard`: it holds dataset.json."""
    view_a: str = "relief"
    """Name of the input view, as listed in dataset.json."""
    view_b: str = "satellite"
    """Name of the target view."""
    load_size: int = 143
    """Pixels: training images are resized to a square of this size before they are cropped."""
    crop_size: int = 128
    """Pixels: side of the random square crop that is trained on; a multiple of the generator's stride."""
    flip: bool = True
    """Mirror half of the training pairs left to right."""
    shuffle_window_shards: int = 8
    """Samples are shuffled within this many shards; more is more random, fewer reads more sequentially."""
    num_threads: int = 2
    """DALI's decoding threads for each rank."""

    def __post_init__(self) -> None:
        _require(self.view_a != self.view_b, "data.view_b", self.view_b, "must differ from data.view_a.")
        _require(self.crop_size >= 16, "data.crop_size", self.crop_size, "use at least 16 pixels.")
        _require(
            self.load_size >= self.crop_size,
            "data.load_size",
            self.load_size,
            f"must be at least data.crop_size ({self.crop_size}).",
        )
        _require(
            self.shuffle_window_shards >= 1,
            "data.shuffle_window_shards",
            self.shuffle_window_shards,
            "use 1 or more.",
        )
        _require(self.num_threads >= 1, "data.num_threads", self.num_threads, "use 1 or more.")


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """The U-Net generator (Isola et al. 2017, section 6.1.1)."""

    __pydantic_config__ = _STRICT

    num_filters: int = 64
    """Channels after the first convolution; doubled at each level up to 8 times as many."""
    num_downs: int = 8
    """Halvings of the image down to the bottleneck: 8 brings 256 pixels to 1, 7 brings 128 to 1."""
    skips: Skips = "concatenate"
    """How a level of the encoder enters its mirror in the decoder; `none` is the paper's encoder-decoder ablation."""
    norm: Norm = "batch"
    """Normalisation; at batch size 1, `batch` is instance normalisation, as in the paper."""
    dropout: float = 0.5
    """Probability in the decoder's three innermost full-width levels: the method's only noise, at test time too."""

    def __post_init__(self) -> None:
        name = "method.generator"
        _require(self.num_filters >= 1, f"{name}.num_filters", self.num_filters, "use 1 or more.")
        _require(2 <= self.num_downs <= 12, f"{name}.num_downs", self.num_downs, "use 2 to 12.")
        _require(0 <= self.dropout < 1, f"{name}.dropout", self.dropout, "use 0 (off) up to, not including, 1.")

    @property
    def stride(self) -> int:
        """Pixels: image sides must be multiples of this."""
        return 2**self.num_downs


@dataclass(frozen=True, kw_only=True)
class PatchGANConfig:
    """The patch discriminator (Isola et al. 2017, section 6.1.2)."""

    __pydantic_config__ = _STRICT

    num_filters: int = 64
    """Channels after the first convolution; doubled at each layer up to 8 times as many."""
    num_layers: int = 3
    """Strided convolutions: 1, 3 and 5 give receptive fields of 16, 70 and 286 pixels."""
    norm: Norm = "batch"
    """Normalisation of all but the first and the last layer."""

    def __post_init__(self) -> None:
        name = "method.discriminator"
        _require(self.num_filters >= 1, f"{name}.num_filters", self.num_filters, "use 1 or more.")
        _require(1 <= self.num_layers <= 6, f"{name}.num_layers", self.num_layers, "use 1 to 6.")

    @property
    def smallest_image(self) -> int:
        """Pixels: the smallest input that leaves one output patch (each final 4x4 convolution loses one)."""
        return 3 * 2**self.num_layers


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig:
    """pix2pix (Isola et al. 2017, arXiv:1611.07004)."""

    __pydantic_config__ = _STRICT

    generator: UNetConfig = field(default_factory=UNetConfig)
    discriminator: PatchGANConfig = field(default_factory=PatchGANConfig)
    weight_l1: float = 100.0
    """Weight of the L1 distance to the target (lambda of equation 4); 0 leaves the conditional GAN alone."""
    adversarial: Adversarial = "bce"
    """The GAN's objective: `bce` is the paper's (non-saturating for the generator)."""

    def __post_init__(self) -> None:
        _require(self.weight_l1 >= 0, "method.weight_l1", self.weight_l1, "use 0 or more.")

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        stride, crop = self.generator.stride, data.crop_size
        _require(
            crop % stride == 0,
            "data.crop_size",
            crop,
            f"must be a multiple of {stride} for method.generator.num_downs = {self.generator.num_downs}; "
            f"or lower num_downs.",
        )
        smallest = self.discriminator.smallest_image
        _require(
            crop >= smallest,
            "data.crop_size",
            crop,
            f"method.discriminator.num_layers = {self.discriminator.num_layers} needs at least {smallest} pixels.",
        )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam, as Isola et al. 2017 (section 3.3) set it for both players."""

    __pydantic_config__ = _STRICT

    lr: float = 2e-4
    """Learning rate."""
    beta1: float = 0.5
    """Decay of the mean of gradients."""
    beta2: float = 0.999
    """Decay of the mean of squared gradients."""
    schedule: Literal["linear", "constant"] = "linear"
    """`linear`: constant, then falling to zero at the end of the run. `constant`: the same throughout."""
    decay_start: float = 0.5
    """Fraction of the run after which `linear` begins to fall."""

    def __post_init__(self) -> None:
        _require(self.lr > 0, "optimizer.lr", self.lr, "use a positive number, e.g. 2e-4.")
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            _require(0 <= value < 1, f"optimizer.{name}", value, "use 0 up to, not including, 1.")
        _require(0 <= self.decay_start < 1, "optimizer.decay_start", self.decay_start, "use 0 to below 1.")


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How the players are distributed: DeepSpeed's settings."""

    __pydantic_config__ = _STRICT

    zero_stage: Literal[0, 1, 2, 3] = 0
    """ZeRO: what is split over the ranks. 0 nothing, 1 optimizer state, 2 and gradients, 3 and parameters."""
    precision: Precision = "auto"
    """Of the networks' arithmetic; weights and losses stay float32. `auto` is bf16 where the hardware
    computes in it, else fp32. fp16 needs a GPU."""
    gradient_accumulation_steps: int = 1
    """Micro-batches to one optimizer step."""
    gradient_clipping: float = 0.0
    """Largest gradient norm of a player; 0 is off."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: GPUs where there are any."""

    def __post_init__(self) -> None:
        steps = self.gradient_accumulation_steps
        _require(steps >= 1, "engine.gradient_accumulation_steps", steps, "use 1 or more.")
        _require(
            not (self.zero_stage == 3 and steps > 1),
            "engine.gradient_accumulation_steps",
            steps,
            "gives wrong gradients with engine.zero_stage = 3 when a generator's pass is shared by two players; "
            "use 1, or zero_stage 0 to 2.",
        )
        _require(
            self.gradient_clipping >= 0, "engine.gradient_clipping", self.gradient_clipping, "use 0 (off) or more."
        )
        _require(
            not (self.precision == "fp16" and self.device == "cpu"),
            "engine.precision",
            self.precision,
            "DeepSpeed has no fp16 on the CPU; use bf16 or fp32.",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, in what portions."""

    __pydantic_config__ = _STRICT

    total_kimg: float = 12.0
    """Length of the run in thousands of training images (pairs), whatever the number of ranks."""
    batch_size_per_gpu: int = 4
    """Images of one micro-batch on one rank."""
    seed: int = 0
    """Decides initial weights, the order of samples, crops and dropout."""
    ema_half_life_kimg: float = 0.5
    """Half-life of the moving average of the generator's weights, which evaluation uses; 0 is off."""

    def __post_init__(self) -> None:
        _require(self.total_kimg > 0, "train.total_kimg", self.total_kimg, "use a positive number.")
        _require(self.batch_size_per_gpu >= 1, "train.batch_size_per_gpu", self.batch_size_per_gpu, "use 1 or more.")
        _require(0 <= self.seed < 2**32, "train.seed", self.seed, "use 0 to 4294967295.")
        _require(
            self.ema_half_life_kimg >= 0, "train.ema_half_life_kimg", self.ema_half_life_kimg, "use 0 (off) or more."
        )


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """How often things are written down. Periods are in thousands of training images; 0 is never."""

    __pydantic_config__ = _STRICT

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
            _require(getattr(self, name) >= 0, f"log.{name}", getattr(self, name), "use 0 (never) or more.")
        _require(self.keep_checkpoints >= 1, "log.keep_checkpoints", self.keep_checkpoints, "use 1 or more.")
        _require(1 <= self.num_samples <= 64, "log.num_samples", self.num_samples, "use 1 to 64.")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All of one training run."""

    __pydantic_config__ = _STRICT

    method: Pix2PixConfig = field(default_factory=Pix2PixConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def __post_init__(self) -> None:
        self.method.check(self.data)

    def global_batch_size(self, world_size: int) -> int:
        """Images of one optimizer step over all ranks."""
        return self.train.batch_size_per_gpu * self.engine.gradient_accumulation_steps * world_size

    def check_hardware(self, num_gpus: int) -> None:
        """Reject a device or precision that this machine does not have."""
        _require(
            not (self.engine.device == "cuda" and num_gpus == 0),
            "engine.device",
            self.engine.device,
            "this machine shows no CUDA device; use auto or cpu.",
        )
        _require(
            not (self.engine.precision == "fp16" and num_gpus == 0),
            "engine.precision",
            self.engine.precision,
            "needs a GPU: DeepSpeed has no fp16 on the CPU; use bf16 or fp32.",
        )


def config_to_dict(config: RunConfig) -> dict[str, Any]:
    """As plain JSON values; `config_from_dict` is its inverse."""
    return TypeAdapter(RunConfig).dump_python(config, mode="json")


def config_from_dict(values: dict[str, Any]) -> RunConfig:
    """Raises ConfigError naming the first field that is unknown, missing or impossible."""
    try:
        return TypeAdapter(RunConfig).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, ConfigError):
            raise cause from error
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(name, first.get("input"), first["msg"]) from error
