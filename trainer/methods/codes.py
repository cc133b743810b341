"""Codes of images, of one tensor or of several: a style beside a content, a mean beside a map of features."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from torch import Tensor

Codes = Any
"""Of N images: a tensor (N, ...), or a tuple, a named tuple or a dataclass of codes."""


def map_codes(function: Callable[..., Tensor], *codes: Codes) -> Codes:
    """Codes whose tensors are a function of those at the same place in each of `codes`, which have one form.

    Raises TypeError for what is no code.
    """
    first = codes[0]
    if isinstance(first, Tensor):
        return function(*codes)
    if isinstance(first, tuple):
        parts = [map_codes(function, *of) for of in zip(*codes, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    if is_dataclass(first) and not isinstance(first, type):
        names = [field.name for field in fields(first)]
        return replace(first, **{name: map_codes(function, *(getattr(code, name) for code in codes)) for name in names})
    raise TypeError(f"codes are tensors, tuples or dataclasses of them; this is a {type(first).__name__}")
