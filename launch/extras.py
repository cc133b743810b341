"""Packages that not everybody needs: which extra of the installation brings each, told to whoever lacks one."""

from collections.abc import Mapping
from importlib.util import find_spec

EXTRAS: Mapping[str, str] = {
    "onnx": "onnx",
    "onnxscript": "onnx",
    "onnxruntime": "onnx",
    "safetensors": "hub",
    "huggingface_hub": "hub",
}
"""Module -> the extra that brings it."""


def require_modules(*names: str) -> None:
    """Raise ModuleNotFoundError for the first module that is not there, before any long work.

    `diptych` answers that with `remedy`.
    """
    for name in names:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def remedy(error: ModuleNotFoundError) -> str | None:
    """What installs the missing module; None if it is none that an extra brings."""
    name = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(name)
    return extra and f"this needs the package {name}, which is not installed: pip install 'diptych[{extra}]'"
