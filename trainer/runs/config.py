"""The configuration of one run, whole, and as the values of its run.json."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro
from pydantic import Field, TypeAdapter, ValidationError

from trainer.config.data import DataConfig
from trainer.config.errors import STRICT, ConfigError, require
from trainer.config.training import EngineConfig, LogConfig, OptimizerConfig, TrainConfig
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.bigan_image.config import BiGANImageConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.cgan.config import CGANConfig
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.discogan.config import DiscoGANConfig
from trainer.methods.dualgan.config import DualGANConfig
from trainer.methods.feature_gan.config import FeatureGANConfig
from trainer.methods.gan.config import GANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.methods.vae.config import VAEConfig
from trainer.methods.vaegan.config import VAEGANConfig

MethodConfig = Annotated[
    AutoencoderConfig
    | BiGANConfig
    | BiGANImageConfig
    | CAAEConfig
    | CGANConfig
    | CoGANConfig
    | CycleGANConfig
    | DiscoGANConfig
    | DualGANConfig
    | FeatureGANConfig
    | GANConfig
    | Pix2PixConfig
    | PixelGANConfig
    | VAEConfig
    | VAEGANConfig,
    Field(discriminator="name"),
    tyro.conf.AvoidSubcommands,
]
"""One section per method. On the command line the preset chooses it, and flags change its fields."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All of one training run."""

    __pydantic_config__ = STRICT

    method: MethodConfig = field(default_factory=Pix2PixConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def __post_init__(self) -> None:
        self.method.check(self.data)
        self._check_views()
        self._check_engine()

    def _check_views(self) -> None:
        if self.method.pairing == "single":
            kind = self.data.degrade.kind
            reason = f"method.name = {self.method.name!r} learns from one view as it is, without an input to degrade."
            require(not self.data.is_degraded, "data.degrade.kind", kind, f"{reason} Use none.")
            return
        require(
            self.data.view_a != self.data.view_b or self.data.is_degraded,
            "data.view_b",
            self.data.view_b,
            f"must differ from data.view_a: method.name = {self.method.name!r} translates one view to another; "
            "or set data.degrade.kind, to make the input of the view itself.",
        )

    def _check_engine(self) -> None:
        adversarial = getattr(self.method, "adversarial", None)
        require(
            not (self.engine.zero_stage == 3 and adversarial is not None and adversarial.differentiates_gradients),
            "engine.zero_stage",
            self.engine.zero_stage,
            "has released the weights when a gradient penalty or R1 needs them a second time; use zero_stage 0 to 2, "
            "or set method.adversarial.weight_gradient_penalty and weight_r1 to 0.",
        )

    def global_batch_size(self, world_size: int) -> int:
        """Images of one optimizer step over all ranks."""
        return self.train.batch_size_per_gpu * self.engine.gradient_accumulation_steps * world_size

    def check_hardware(self, num_gpus: int) -> None:
        """Reject a device or precision that this machine does not have."""
        require(
            not (self.engine.device == "cuda" and num_gpus == 0),
            "engine.device",
            self.engine.device,
            "this machine shows no CUDA device; use auto or cpu.",
        )
        require(
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
        parts = [str(part) for part in first["loc"]]
        if parts[0] == "method":
            del parts[1:2]  # which section it is, where pydantic tells them apart
        name = ".".join(parts)
        raise ConfigError(name, first.get("input"), first["msg"]) from error
