"""What sections demand of each other."""

from typing import Protocol

from trainer.config.data import DataConfig
from trainer.config.errors import require
from trainer.config.networks import GeneratorConfig
from trainer.config.pretrained import PretrainedConfig


def check_stride(data: DataConfig, **generators: GeneratorConfig) -> None:
    """Raises ConfigError unless generators, by their names in the method, can halve the crop as often as they want."""
    for name, generator in generators.items():
        is_unet = generator.architecture == "unet"
        detail = f"num_downs = {generator.num_downs}" if is_unet else "architecture = 'resnet'"
        require(
            not any(side % generator.stride for side in data.crop_shape),
            "data.crop_size",
            data.crop_size,
            f"must be a multiple of {generator.stride} for method.{name}.{detail}"
            + ("; or lower num_downs." if is_unet else "."),
        )


class Judge(Protocol):
    """The section of a discriminator that halves images."""

    @property
    def num_layers(self) -> int: ...
    @property
    def smallest_image(self) -> int: ...


def check_patches(data: DataConfig, **discriminators: Judge) -> None:
    """Raises ConfigError unless the crop leaves discriminators, by their names in the method, one patch."""
    for name, discriminator in discriminators.items():
        require(
            min(data.crop_shape) >= discriminator.smallest_image,
            "data.crop_size",
            data.crop_size,
            f"method.{name}.num_layers = {discriminator.num_layers} needs at least "
            f"{discriminator.smallest_image} pixels.",
        )


def check_identity(weight: float, *, channels_a: int, channels_b: int) -> None:
    """Raises ConfigError where an image of the target view is to be its own translation, and cannot be."""
    require(
        weight == 0 or channels_a == channels_b,
        "method.weight_identity",
        weight,
        f"one view has {channels_a} channels and the other {channels_b}, so that no image is its own "
        "translation; use 0.",
    )


def check_pretrained_side(pretrained: PretrainedConfig, data: DataConfig) -> None:
    """Raises ConfigError for images that are too small for the pretrained network."""
    side = pretrained.side or min(data.crop_shape)
    require(side >= 32, "method.pretrained.side", pretrained.side, "crops are below 32 pixels; use 224.")


def check_pretrained_channels(**views: int) -> None:
    """Raises ConfigError for views, by their fields in the data section, that the pretrained network does not see."""
    for name, channels in views.items():
        remedy = "the pretrained network sees grey or RGB images."
        require(channels in (1, 3), f"data.{name}", f"{channels} channels", remedy)
