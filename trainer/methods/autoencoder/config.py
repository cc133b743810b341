"""The section of the auto-encoder."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from trainer.config.data import DataConfig, Pairing
from trainer.config.errors import STRICT
from trainer.config.latent import DecoderConfig, EncoderConfig, check_code_size, check_filters, check_side

if TYPE_CHECKING:
    from trainer.config.method import Task
    from trainer.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """A convolutional auto-encoder: learns a code of images without labels."""

    __pydantic_config__ = STRICT

    name: Literal["autoencoder"] = "autoencoder"
    pairing: ClassVar[Pairing] = "single"
    needs_label: ClassVar = False
    fixed_size: ClassVar = True
    stride: ClassVar = 16

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    code_size: int = 128
    """Dimensions of the code."""
    distance: Literal["l1", "l2"] = "l2"
    """What the reconstruction minimises: the mean absolute (`l1`) or squared (`l2`) error of a pixel."""

    def __post_init__(self) -> None:
        check_code_size(self.code_size)
        check_filters(encoder=self.encoder, decoder=self.decoder)

    def check(self, data: DataConfig) -> None:
        """Reject image sizes that these networks cannot take."""
        check_side(data)

    def build(self, task: "Task") -> "Method":
        """With freshly drawn weights; seed torch before."""
        from trainer.methods.autoencoder.method import Autoencoder

        return Autoencoder(self, task)
