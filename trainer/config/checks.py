"""What sections demand of each other."""

from trainer.config.data import DataConfig
from trainer.config.errors import require
from trainer.config.networks import GeneratorConfig, PatchGANConfig


def check_stride(generator: GeneratorConfig, data: DataConfig) -> None:
    """Raises ConfigError unless the generator can halve the crop as often as it wants to."""
    detail = f".num_downs = {generator.num_downs}" if generator.architecture == "unet" else ".architecture = 'resnet'"
    require(
        not any(side % generator.stride for side in data.crop_shape),
        "data.crop_size",
        data.crop_size,
        f"must be a multiple of {generator.stride} for method.generator{detail}"
        + ("; or lower num_downs." if generator.architecture == "unet" else "."),
    )


def check_patches(discriminator: PatchGANConfig, data: DataConfig) -> None:
    """Raises ConfigError unless the crop leaves the discriminator one patch."""
    require(
        min(data.crop_shape) >= discriminator.smallest_image,
        "data.crop_size",
        data.crop_size,
        f"method.discriminator.num_layers = {discriminator.num_layers} needs at least "
        f"{discriminator.smallest_image} pixels.",
    )
