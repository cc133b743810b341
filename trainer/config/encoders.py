"""The networks by whose features images are compared: their names, as `evaluate.encoder` has them, and their titles."""

from typing import Literal

EncoderName = Literal["efficientnet-lite0", "mobilenet_v2"]

ENCODERS: dict[EncoderName, str] = {"efficientnet-lite0": "EfficientNet-Lite0", "mobilenet_v2": "MobileNetV2"}
"""Each is another ruler: scores by one cannot be compared with those by another, nor with published FID."""
