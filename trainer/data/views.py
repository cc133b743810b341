"""Views of a data set as a run sees them, and whether they can be cropped and changed as its data section says.

Imports no torch, so that a mistake on the command line is answered at once.
"""

from dataclasses import replace

from sharding.format.manifest import Manifest, View
from trainer.config.data import DataConfig, Pairing
from trainer.config.errors import ConfigError

_LOSSLESS = frozenset({"png", "bmp", "npy"})
"""Suffixes of files that are never lossy; TIFF and WebP may be."""


def keeps_class_colors(view: View) -> bool:
    """Whether classes' colours come out of its files as they are: then any other colour there is no class."""
    is_lossless = view.extension.rpartition(".")[2] in _LOSSLESS
    return view.content == "classes" or (view.renders_classes and is_lossless)


def trained_view(manifest: Manifest, name: str) -> View:
    """A view as networks see it: class numbers are shown in flat colours, those of `class_palette`."""
    view = manifest.views[name]
    if view.content != "classes":
        return view
    return replace(view, content="image", channels=3, dtype="uint8", value_range=(0.0, 255.0), renders_classes=True)


def check_views(data: DataConfig, manifest: Manifest, *, pairing: Pairing) -> None:
    """Raises ConfigError unless the wanted views are there, and can be cropped and changed as the data section says."""
    fields = view_fields(data, pairing)
    for field in fields:
        _check_view(data, manifest, field)
    if len(fields) > 1 and manifest.kind == "paired" and not data.is_degraded:
        for field in fields[1:]:
            _check_equal_sizes(data, manifest, field)
    _check_jitter(data, manifest, pairing=pairing)


def view_fields(data: DataConfig, pairing: Pairing) -> tuple[str, ...]:
    """Names of the fields of the data section that name the views which a method learns from."""
    if pairing == "single":
        return ("view_b",)
    return ("view_a", "view_b", "view_c") if pairing == "paired" and data.view_c is not None else ("view_a", "view_b")


def _check_view(data: DataConfig, manifest: Manifest, field: str) -> None:
    name = getattr(data, field)
    if name not in manifest.views:
        known = ", ".join(manifest.views) or "none"
        raise ConfigError(f"data.{field}", name, f"{data.path} has no such view; it has: {known}.")
    view = manifest.views[name]
    if view.content == "classes" and not manifest.classes:
        raise ConfigError(f"data.{field}", name, f"holds class numbers, but {data.path} names no classes to show.")
    if data.is_degraded and not view.is_common:
        raise ConfigError(
            "data.degrade.kind",
            data.degrade.kind,
            f"works on 8 bits and 1 or 3 channels; view {name!r} is of {_describe(view)}. Use none, or another view.",
        )
    if data.resize == "none" and view.width is not None and view.height is not None:
        height, width = data.crop_shape
        if view.height < height or view.width < width:
            raise ConfigError(
                "data.crop_size",
                data.crop_size,
                f"is larger than the images of view {name!r}, which have {view.height} x {view.width} pixels (height x "
                "width) and with data.resize = 'none' are not enlarged; use a smaller crop, or 'cover'.",
            )


def _describe(view: View) -> str:
    return "class numbers" if view.content == "classes" else f"{view.channels} channels of {view.dtype}"


def _check_equal_sizes(data: DataConfig, manifest: Manifest, field: str) -> None:
    """Where images are not stretched to one size, views of other shapes than view a's would not be aligned with it."""
    name = getattr(data, field)
    a, b = manifest.views[data.view_a], manifest.views[name]
    if data.resize == "stretch" or None in (a.width, a.height, b.width, b.height):
        return
    if (a.width, a.height) != (b.width, b.height) and not (data.resize == "cover" and _have_one_shape(a, b)):
        raise ConfigError(
            "data.resize",
            data.resize,
            f"view {data.view_a!r} has {a.width}x{a.height} pixels and {name!r} {b.width}x{b.height}, so that "
            "their crops would not be aligned; use stretch.",
        )


def _have_one_shape(a: View, b: View) -> bool:
    assert a.width and a.height and b.width and b.height
    return a.width * b.height == b.width * a.height


def _check_jitter(data: DataConfig, manifest: Manifest, *, pairing: Pairing) -> None:
    jitter = data.jitter
    if not jitter.is_on:
        return
    if pairing == "single" and jitter.view == "a":
        raise ConfigError("data.jitter.view", "a", "the method learns from view b alone; use b.")
    name = data.view_a if jitter.view == "a" else data.view_b
    view = manifest.views[name]
    if not view.is_common or view.renders_classes:
        shown = "classes" if view.renders_classes else _describe(view)
        raise ConfigError(
            "data.jitter.view", jitter.view, f"{name!r} is of {shown}; only 8-bit grey and RGB can change."
        )
    if view.channels == 1 and jitter.changes_colors:
        raise ConfigError("data.jitter.saturation", jitter.saturation, f"{name!r} has no colours; use 0, and hue 0.")
