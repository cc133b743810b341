"""The kinds of files that a run's translation can be exported as. Imports no torch."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from trainer.config.errors import ConfigError

Kind = Literal["onnx", "torch", "hub"]

PACKAGES: Mapping[Kind, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "torch": (),
    "hub": ("safetensors",),
}
"""Modules that must be there to write a file of a kind, beside those that translation needs."""


def check_place(out: Path) -> None:
    """Raises ConfigError unless a folder can be put there without replacing anything."""
    if os.path.lexists(out) and (out.is_symlink() or not out.is_dir() or any(out.iterdir())):
        raise ConfigError("out", str(out), "exists, and is no empty folder; choose another one.")
