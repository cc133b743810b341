"""Photos and the class numbers of their pixels, for a segmentation network to learn from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest
from sharding.format.manifest_file import read_manifest
from sharding.storage.place import Place
from trainer.config.data import DataConfig, JitterConfig, Pairing
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.data.loader import Loader
from trainer.data.split import split_images
from trainer.data.subject import Subject
from trainer.evaluation.judges.label_maps import class_reader
from trainer.ranks.world import World

_LIGHT = JitterConfig(view="a", brightness=0.2, contrast=0.2, saturation=0.2)


@dataclass(frozen=True, kw_only=True)
class _Segments(MethodConfig):
    """Learns from pairs."""

    name: str = "fcn"
    pairing: ClassVar[Pairing] = "paired"


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """The photos and labels of a data set at one size."""

    subject: Subject

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.subject.data.crop_shape

    @property
    def scored_splits(self) -> list[str]:
        """`val` and `test`, or what is held out of `train` where there is neither."""
        found = [split for split in ("val", "test") if self.subject.manifest.splits.get(split)]
        return found or [self.subject.watched_split]

    def training(self, *, batch_size: int, seed: int, start: int, world: World) -> Loader:
        """Batches without end, mirrored by halves and of changing light."""
        return Loader(
            self.subject, world=world, batch_size=batch_size, seed=seed, start_position=start, flat_target=True
        )

    def once(self, split: str, *, batch_size: int, world: World) -> Iterator[Batch]:
        """All of a split, as they are."""
        return split_images(self.subject, split=split, world=world, batch_size=batch_size)

    def numbers(self, batch: Batch) -> Tensor:
        """Class numbers int64 (N, H, W) of a batch, -1 where there is no class."""
        view = self.subject.manifest.views[self.subject.data.view_b]
        return class_reader(view, self.subject.manifest.classes)(batch.b)


def open_scenes(place: Place, *, photo: str | None, labels: str | None, size: tuple[int, int] | None) -> Scenes:
    """What is to be learnt from.

    Args:
        photo: name of a view; the only one in colours, of 8 bits, that shows no classes, if not given.
        labels: name of a view that shows classes; the only one, if not given.
        size: height and width in pixels; as the labels are stored, if not given.

    Raises:
        ConfigError: there are no such views, or several.
        DatasetError: the data set is damaged.
    """
    manifest = read_manifest(place)
    if manifest.kind != "paired" or not manifest.classes:
        lacks = "classes" if manifest.kind == "paired" else "pairs"
        raise DatasetError(f"{place} has no {lacks}: see `--classes` of `diptych shard folders --help`.")
    showing = [name for name, view in manifest.views.items() if view.content == "classes" or view.renders_classes]
    others = [name for name, view in manifest.views.items() if name not in showing and view.is_common]
    labels = _one_of("view_labels", labels, showing, manifest)
    photo = _one_of("view_photo", photo, others, manifest)
    stored = manifest.views[labels]
    size = size or (stored.height or 0, stored.width or 0)
    if not all(size):
        raise ConfigError("size", None, f"the labels of {place} differ in size; say at which to learn, e.g. 256 512.")
    data = DataConfig(path=place, view_a=photo, view_b=labels, load_size=size, crop_size=size, jitter=_LIGHT)
    if manifest.views[photo].channels != 3:
        data = replace(data, jitter=replace(_LIGHT, saturation=0.0))
    check_section(data, "data")
    return Scenes(subject=Subject.begin(data=data, method=_Segments(), manifest=manifest))


def _one_of(field: str, name: str | None, fitting: list[str], manifest: Manifest) -> str:
    if name is None and len(fitting) == 1:
        return fitting[0]
    if name is None or name not in fitting:
        what = "shows classes" if field == "view_labels" else "is of grey or colours with 8 bits, and shows no classes"
        known = ", ".join(fitting) or f"none ({', '.join(manifest.views)} are others)"
        raise ConfigError(field, name, f"name a view that {what}; there are: {known}.")
    return name
