"""Whether a run and its data set fit, and what follows for the networks: asked before anything is started. No torch."""

import math

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest
from sharding.storage.place import Url
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.data.subject import Subject
from trainer.data.views import check_views


def resolve_task(subject: Subject, *, needs_images: bool = True) -> Task:
    """What the run's networks are sized by. Raises as `check_task`."""
    check_task(subject, needs_images=needs_images)
    return subject.task


def check_task(subject: Subject, *, needs_images: bool = True) -> None:
    """Check that the data set has what the run wants of it.

    Args:
        needs_images: to train on. A trained run is used without its data set, of which run.json has a description.

    Raises:
        ConfigError: a view or label is missing or of the wrong kind, or the method cannot learn from what there is.
        DatasetError: there is nothing to train on.
    """
    data, manifest = subject.data, subject.manifest
    check_views(data, manifest, pairing=subject.pairing)
    _check_pairs(subject)
    _check_label(subject)
    _check_further_labels(subject)
    _check_view_c(subject)
    _check_class_views(subject)
    subject.method.check_shapes(subject.task)
    for name in subject.views if needs_images else ():
        if "train" not in manifest.splits or not manifest.num_samples("train", name):
            raise DatasetError(
                f"{data.path} has no training images of view {name!r}; its splits: "
                f"{', '.join(manifest.splits) or 'none'}."
            )
    if needs_images and isinstance(data.path, Url):
        _check_cache(data, manifest)


def _check_cache(data: DataConfig, manifest: Manifest) -> None:
    """Raises ConfigError unless the shards in use, and those that are used next, can be kept at the same time.

    And where there is no folder for them.
    """
    _ = data.cache_folder
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


def _check_pairs(subject: Subject) -> None:
    if subject.pairing == "paired" and not subject.knows_truth:
        raise ConfigError(
            "method.name",
            subject.method.name,
            f"learns from pairs, and {subject.data.path} is unpaired; use a method for unpaired images, e.g. cyclegan, "
            "or a paired data set.",
        )


def _check_label(subject: Subject) -> None:
    name, known = subject.data.label, ", ".join(subject.manifest.labels) or "none"
    if name is not None and name not in subject.manifest.labels:
        raise ConfigError("data.label", name, f"{subject.data.path} has no such label; it has: {known}.")
    if name is None and subject.method.needs_label:
        raise ConfigError(
            "data.label",
            name,
            f"method.name = {subject.method.name!r} needs one; {subject.data.path} has: {known}.",
        )


def _check_further_labels(subject: Subject) -> None:
    known = ", ".join(subject.manifest.labels) or "none"
    for field, name in subject.method.further_labels.items():
        if name not in subject.manifest.labels:
            raise ConfigError(f"method.{field}", name, f"{subject.data.path} has no such label; it has: {known}.")
        if name == subject.data.label:
            raise ConfigError(f"method.{field}", name, f"is data.label already; name another of: {known}.")


def _check_view_c(subject: Subject) -> None:
    if subject.method.needs_view_c and subject.data.view_c is None:
        raise ConfigError(
            "data.view_c",
            None,
            f"method.name = {subject.method.name!r} needs a third view; {subject.data.path} has: "
            f"{', '.join(subject.manifest.views)}.",
        )


def _check_class_views(subject: Subject) -> None:
    """Class numbers are read from the classes' colours, which must therefore differ."""
    views, classes = subject.manifest.views, subject.manifest.classes
    for place in subject.method.class_views:
        name = getattr(subject.data, f"view_{place}")
        if views[name].content != "classes":
            known = ", ".join(view for view, info in views.items() if info.content == "classes") or "none"
            raise ConfigError(
                f"data.view_{place}",
                name,
                f"holds no class numbers, which method.name = {subject.method.name!r} takes; views of "
                f"{subject.data.path} that do: {known}.",
            )
    owners: dict[tuple[int, int, int], str] = {}
    for info in classes if subject.method.class_views else ():
        other = owners.setdefault(info.color, info.name)
        if other != info.name:
            raise ConfigError(
                "data.path",
                str(subject.data.path),
                f"shows its classes {other!r} and {info.name!r} in one colour, {info.color}, from which "
                f"method.name = {subject.method.name!r} cannot read them; give them two.",
            )
