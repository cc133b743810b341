"""Whether a run and its data set fit, and what follows for the networks: asked before anything is started.

Imports no torch, so that a mistake on the command line is answered at once.
"""

from typing import TYPE_CHECKING

from sharding.manifest import DatasetError, Manifest
from trainer.config import ConfigError, DataConfig, GeneratorConfig, Pairing, RunConfig

if TYPE_CHECKING:
    from trainer.methods.base import Task


def resolve_task(config: RunConfig, manifest: Manifest) -> "Task":
    """What the run's networks are sized by. Raises as `check_task`."""
    from trainer.methods.base import Task

    check_task(config, manifest)
    data = config.data
    channels_b = manifest.views[data.view_b].channels
    return Task(
        channels_a=channels_b if config.method.pairing == "single" else manifest.views[data.view_a].channels,
        channels_b=channels_b,
        side=data.crop_size,
        num_labels=0 if data.label is None else len(manifest.labels[data.label].names),
    )


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


def check_views(data: DataConfig, manifest: Manifest, *, pairing: Pairing) -> None:
    """Raises ConfigError unless the wanted views are there, and are images that can be trained on."""
    for field in _view_fields(pairing):
        _check_view(data, manifest, field)


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
    images = [view for view, info in manifest.views.items() if info.content == "image"]
    known = f"of images it has: {', '.join(images) or 'none'}."
    if name not in manifest.views:
        raise ConfigError(f"data.{field}", name, f"{data.path} has no such view; {known}")
    view = manifest.views[name]
    if view.content != "image":
        raise ConfigError(
            f"data.{field}", name, f"holds class indices, which cannot be resized like colours; {data.path}: {known}"
        )
    if view.dtype != "uint8" or view.channels not in (1, 3):
        raise ConfigError(
            f"data.{field}",
            name,
            f"has {view.channels} channels of {view.dtype}, where 1 or 3 of uint8 can be read; shard the "
            "images again in that form.",
        )


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
        views, data = manifest.views, config.data
        generator.check_channels(views[data.view_a].channels, views[data.view_b].channels)


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
