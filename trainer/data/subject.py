"""Whether a run and its data set fit, and what follows for the networks: asked before anything is started.

Imports no torch, so that a mistake on the command line is answered at once.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest, View
from sharding.storage.place import Url
from trainer.config import ConfigError, DataConfig, GeneratorConfig, Pairing, RunConfig

if TYPE_CHECKING:
    from trainer.methods.base import Task


def resolve_task(config: RunConfig, manifest: Manifest) -> "Task":
    """What the run's networks are sized by. Raises as `check_task`."""
    from trainer.methods.base import Task

    check_task(config, manifest)
    data = config.data
    channels_b = trained_view(manifest, data.view_b).channels
    is_single = config.method.pairing == "single"
    return Task(
        channels_a=channels_b if is_single else trained_view(manifest, data.view_a).channels,
        channels_b=channels_b,
        side=min(data.crop_shape),
        num_labels=0 if data.label is None else len(manifest.labels[data.label].names),
    )


def trained_view(manifest: Manifest, name: str) -> View:
    """A view as networks see it: class numbers are shown in the classes' flat colours, black for "no class"."""
    view = manifest.views[name]
    if view.content != "classes":
        return view
    return replace(view, content="image", channels=3, dtype="uint8", value_range=(0.0, 255.0), renders_classes=True)


def check_task(config: RunConfig, manifest: Manifest) -> None:
    """Check that the data set has what the run wants of it.

    Raises:
        ConfigError: a view or label is missing or of the wrong kind, or a method that needs pairs gets none.
        DatasetError: there is nothing to train on.
    """
    check_views(config.data, manifest, pairing=config.method.pairing)
    _check_pairs(config, manifest)
    _check_label(config, manifest)
    _check_channels(config, manifest)
    for name in {getattr(config.data, field) for field in _view_fields(config.method.pairing)}:
        if "train" not in manifest.splits or not manifest.num_samples("train", name):
            raise DatasetError(
                f"{config.data.path} has no training images of view {name!r}; its splits: "
                f"{', '.join(manifest.splits) or 'none'}."
            )
    if isinstance(config.data.path, Url):
        _check_cache(config.data, manifest)


def _check_cache(data: DataConfig, manifest: Manifest) -> None:
    """Raises ConfigError unless the shards in use, and those that are used next, can be kept at the same time."""
    sizes: dict[str | None, list[int]] = {}
    for shard in manifest.splits["train"]:
        if shard.view in (None, data.view_a, data.view_b):
            sizes.setdefault(shard.view, []).append(shard.num_bytes)
    needed = sum(sum(sorted(of_view)[-2 * data.shuffle_window_shards :]) for of_view in sizes.values()) / 1e9
    if data.cache_limit_gb < needed:
        raise ConfigError(
            "data.cache_gb",
            data.cache_limit_gb,
            f"must be at least {math.ceil(needed * 1000) / 1000:g}: twice data.shuffle_window_shards = "
            f"{data.shuffle_window_shards} of {data.path} are needed at a time. Set the variable "
            "DIPTYCH_CACHE_GB, or lower that.",
        )


def check_views(data: DataConfig, manifest: Manifest, *, pairing: Pairing) -> None:
    """Raises ConfigError unless the wanted views are there, and can be cropped and changed as the data section says."""
    fields = _view_fields(pairing)
    for field in fields:
        _check_view(data, manifest, field)
    if len(fields) == 2 and manifest.kind == "paired" and not data.is_degraded:
        _check_equal_sizes(data, manifest)
    _check_jitter(data, manifest, pairing=pairing)


def knows_truth(data: DataConfig, manifest: Manifest) -> bool:
    """Whether it is known which b belongs to which a, so that translations can be scored against it."""
    return manifest.kind == "paired" or data.is_degraded


def final_split(manifest: Manifest) -> str:
    """The split whose scores end a run: the test split, else validation, else training itself."""
    return next(name for name in ("test", "val", "train") if name in manifest.splits)


def _view_fields(pairing: Pairing) -> tuple[str, ...]:
    return ("view_b",) if pairing == "single" else ("view_a", "view_b")


def _check_view(data: DataConfig, manifest: Manifest, field: str) -> None:
    name = getattr(data, field)
    if name not in manifest.views:
        known = ", ".join(manifest.views) or "none"
        raise ConfigError(f"data.{field}", name, f"{data.path} has no such view; it has: {known}.")
    view = manifest.views[name]
    if view.content == "classes" and not manifest.classes:
        raise ConfigError(f"data.{field}", name, f"holds class numbers, but {data.path} names no classes to show.")
    if data.is_degraded and not _is_common(view):
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


def _is_common(view: View) -> bool:
    return view.content == "image" and view.dtype == "uint8" and view.channels in (1, 3)


def _describe(view: View) -> str:
    return "class numbers" if view.content == "classes" else f"{view.channels} channels of {view.dtype}"


def _check_equal_sizes(data: DataConfig, manifest: Manifest) -> None:
    """Where images are not stretched to one size, views of different shapes would not be aligned."""
    a, b = (manifest.views[name] for name in (data.view_a, data.view_b))
    if data.resize == "stretch" or None in (a.width, a.height, b.width, b.height):
        return
    if (a.width, a.height) != (b.width, b.height) and not (data.resize == "cover" and _have_one_shape(a, b)):
        raise ConfigError(
            "data.resize",
            data.resize,
            f"view {data.view_a!r} has {a.width}x{a.height} pixels and {data.view_b!r} {b.width}x{b.height}, so that "
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
    if not _is_common(view) or view.renders_classes:
        shown = "classes" if view.renders_classes else _describe(view)
        raise ConfigError(
            "data.jitter.view", jitter.view, f"{name!r} is of {shown}; only 8-bit grey and RGB can change."
        )
    if view.channels == 1 and jitter.changes_colors:
        raise ConfigError("data.jitter.saturation", jitter.saturation, f"{name!r} has no colours; use 0, and hue 0.")


def _check_pairs(config: RunConfig, manifest: Manifest) -> None:
    if config.method.pairing == "paired" and not knows_truth(config.data, manifest):
        raise ConfigError(
            "method.name",
            config.method.name,
            f"learns from pairs, and {config.data.path} is unpaired; use a method for unpaired images, e.g. cyclegan, "
            "or a paired data set.",
        )


def _check_channels(config: RunConfig, manifest: Manifest) -> None:
    generator = getattr(config.method, "generator", None)
    if isinstance(generator, GeneratorConfig):
        a, b = (trained_view(manifest, name) for name in (config.data.view_a, config.data.view_b))
        generator.check_channels(a.channels, b.channels)


def _check_label(config: RunConfig, manifest: Manifest) -> None:
    name, known = config.data.label, ", ".join(manifest.labels) or "none"
    if name is not None and name not in manifest.labels:
        raise ConfigError("data.label", name, f"{config.data.path} has no such label; it has: {known}.")
    if name is None and config.method.needs_label:
        raise ConfigError(
            "data.label",
            name,
            f"method.name = {config.method.name!r} needs one; {config.data.path} has: {known}.",
        )
