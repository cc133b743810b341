"""The networks by whose features images are compared: their names, as `evaluate.encoder` has them, and their titles."""

from pathlib import Path
from typing import Literal

from trainer.config.errors import ConfigError, require

EncoderName = Literal[
    "efficientnet-lite0",
    "mobilenet_v2",
    "inception",
    "vgg16",
    "alexnet",
    "dinov2_vits14",
    "dinov2_vitl14",
    "clip_vitb32",
]

ENCODERS: dict[EncoderName, str] = {
    "efficientnet-lite0": "EfficientNet-Lite0",
    "mobilenet_v2": "MobileNetV2",
    "inception": "Inception-v3 of FID",
    "vgg16": "VGG-16",
    "alexnet": "AlexNet",
    "dinov2_vits14": "DINOv2 ViT-S/14",
    "dinov2_vitl14": "DINOv2 ViT-L/14",
    "clip_vitb32": "CLIP ViT-B/32",
}
"""Each is another ruler: scores by one cannot be compared with those by another."""

FILES: dict[EncoderName, str] = {
    "inception": "pt_inception-2015-12-05-6726825d.pth, the weights of FID that pytorch-fid and torch-fidelity read",
    "vgg16": "torchvision's vgg16-397923af.pth",
    "alexnet": "torchvision's alexnet-owt-7be5be79.pth",
    "dinov2_vits14": "dinov2_vits14_pretrain.pth, or model.safetensors of timm/vit_small_patch14_dinov2.lvd142m",
    "dinov2_vitl14": "dinov2_vitl14_pretrain.pth, or model.safetensors of timm/vit_large_patch14_dinov2.lvd142m",
    "clip_vitb32": "model.safetensors of timm/vit_base_patch32_clip_224.openai",
}
"""Those whose weights come from a file that the user has, and which one that is."""

OF_TIMM: dict[EncoderName, str] = {
    "dinov2_vits14": "vit_small_patch14_dinov2.lvd142m",
    "dinov2_vitl14": "vit_large_patch14_dinov2.lvd142m",
    "clip_vitb32": "vit_base_patch32_clip_quickgelu_224.openai",
}
"""Those whose network timm builds, an optional package, and its name there; OpenAI trained with the quick GELU."""

REMARKS: dict[EncoderName, str] = {
    "inception": "With the published weights its Fréchet and kernel distances are FID and KID as clean-fid has them.",
    "dinov2_vitl14": "With the published weights its Fréchet distance is Stein et al. 2023's, but for last digits.",
}
"""What scores by them compare with beyond each other, for people."""

STAGED: tuple[EncoderName, ...] = ("efficientnet-lite0", "mobilenet_v2", "vgg16", "alexnet")
"""Those whose stages pairs are compared by."""


def check_weights(name: EncoderName | Literal["none"], weights: Path | None, *, field: str) -> None:
    """Raises ConfigError unless a file is given for just the encoders that need one. Looks at no file."""
    if name in FILES:
        require(weights is not None, field, None, f"encoder = {name!r} needs its weights: give {FILES[name]}.")
    else:
        from_file = ", ".join(FILES)
        require(weights is None, field, str(weights), f"is for encoder = {from_file}; {name!r} reads none.")


def require_file(weights: Path | None, *, field: str) -> None:
    """Raises ConfigError if the given file of weights is not there."""
    if weights is not None and not weights.is_file():
        raise ConfigError(field, str(weights), "there is no such file; give the one with the encoder's weights.")
