"""The kinds of files that a run's translation can be exported as. Imports no torch."""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["onnx", "torch", "hub"]

PACKAGES: Mapping[Kind, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "torch": (),
    "hub": ("safetensors",),
}
"""Modules that must be there to write a file of a kind, beside those that translation needs."""

HUB_FORMAT = 1
"""Of config.json in a folder of the kind `hub`."""
