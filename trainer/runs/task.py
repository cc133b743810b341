"""Whether a run and its data set fit, and what follows for the networks: asked before anything is started. No torch."""

import math

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest
from sharding.storage.place import Url
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.data.subject import check_views, knows_truth, trained_view, view_fields
from trainer.runs.config import RunConfig


def resolve_task(config: RunConfig, manifest: Manifest) -> Task:
    """What the run's networks are sized by. Raises as `check_task`."""
    check_task(config, manifest)
    return _task(config, manifest)


def _task(config: RunConfig, manifest: Manifest) -> Task:
    data = config.data
    channels_b = trained_view(manifest, data.view_b).channels
    is_single = config.method.pairing == "single"
    return Task(
        channels_a=channels_b if is_single else trained_view(manifest, data.view_a).channels,
        channels_b=channels_b,
        side=min(data.crop_shape),
        num_labels=0 if data.label is None else len(manifest.labels[data.label].names),
    )


def check_task(config: RunConfig, manifest: Manifest) -> None:
    """Check that the data set has what the run wants of it.

    Raises:
        ConfigError: a view or label is missing or of the wrong kind, or the method cannot learn from what there is.
        DatasetError: there is nothing to train on.
    """
    check_views(config.data, manifest, pairing=config.method.pairing)
    _check_pairs(config, manifest)
    _check_label(config, manifest)
    config.method.check_shapes(_task(config, manifest))
    for name in {getattr(config.data, field) for field in view_fields(config.method.pairing)}:
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


def _check_pairs(config: RunConfig, manifest: Manifest) -> None:
    if config.method.pairing == "paired" and not knows_truth(config.data, manifest):
        raise ConfigError(
            "method.name",
            config.method.name,
            f"learns from pairs, and {config.data.path} is unpaired; use a method for unpaired images, e.g. cyclegan, "
            "or a paired data set.",
        )


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
