"""What of a data set a run sees: which views, which splits, and whether they can be used as its data section says.

Imports no torch, so that a mistake on the command line is answered at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest, View
from sharding.format.shares import Share
from sharding.reading.selection import select_shards
from trainer.config.data import DataConfig, Pairing
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig, Task
from trainer.data.views import trained_view, view_fields

HELD_OUT = "train:held-out"
FINAL_SPLITS = ("test", "val", HELD_OUT, "train")  # one of which ends a run: see `Subject.final_split`
"""Stands for a split: the share of `train` that training leaves out. No split of a data set can be called so."""
_ONE_IN = 20
_FEWEST_HELD_OUT, _MOST_HELD_OUT = 4, 500


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a run learns from.

    A run never watches the test split: whatever chooses by scores on the way (a sweep, a person at the sample grids)
    would choose by the images that are to judge the choice. Where there is no split `val`, a share of `train` is held
    out: one image in 20, at most 500, those whose names' hashes come first. Of fewer than 80 images of a view that
    would be fewer than 4: then none is held out, and images are watched that are trained on.
    """

    data: DataConfig
    method: MethodConfig
    manifest: Manifest
    held_out: Mapping[str, int] = field(default_factory=dict)
    """View -> training images that training leaves out. Of a paired data set the numbers of both views are equal."""

    @classmethod
    def begin(cls, *, data: DataConfig, method: MethodConfig, manifest: Manifest) -> "Subject":
        """As a new run sees it, which holds images out if it has to. Older runs go on with what they began with."""
        subject = cls(data=data, method=method, manifest=manifest)
        sizes = {view: subject._stored("train", view) for view in subject.views}
        if subject._has("val") or min(sizes.values()) < _ONE_IN * _FEWEST_HELD_OUT:
            return subject
        held_out = {view: min(size // _ONE_IN, _MOST_HELD_OUT) for view, size in sizes.items()}
        return replace(subject, held_out=held_out)

    @property
    def pairing(self) -> Pairing:
        """What the method learns from."""
        return self.method.pairing

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views that are read, of each once."""
        return tuple(dict.fromkeys(getattr(self.data, name) for name in view_fields(self.data, self.pairing)))

    @property
    def view_a(self) -> View:
        """The input as networks see it."""
        return trained_view(self.manifest, self.data.view_b if self.pairing == "single" else self.data.view_a)

    @property
    def view_b(self) -> View:
        """The target as networks see it."""
        return trained_view(self.manifest, self.data.view_b)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels that are read, of each once: `data.label` first, where there is one."""
        main = () if self.data.label is None else (self.data.label,)
        return tuple(dict.fromkeys([*main, *self.method.further_labels.values()]))

    @property
    def knows_truth(self) -> bool:
        """Whether it is known which b belongs to which a, so that translations can be scored against it."""
        return self.pairing == "single" or self.manifest.kind == "paired" or self.data.is_degraded

    @property
    def task(self) -> Task:
        """What networks are sized by."""
        label, view_c = self.data.label, self.data.view_c
        return Task(
            channels_a=self.view_a.channels,
            channels_b=self.view_b.channels,
            side=min(self.data.crop_shape),
            num_labels=0 if label is None else len(self.manifest.labels[label].names),
            num_values={name: len(self.manifest.labels[name].names) for name in self.labels},
            channels_c=0 if view_c is None else trained_view(self.manifest, view_c).channels,
            class_colors=tuple(info.color for info in self.manifest.classes),
        )

    @property
    def evaluation_size(self) -> tuple[int, int]:
        """Height and width in pixels to which images are resized, or which they cover, before the centre is cut out.

        The target's stored size wherever training sees about that scale: there, targets are not resampled, so that
        class colours stay flat and, as in the paper, an image of the crop's size is scored whole. Where the samples
        differ in size, that of the crop.
        """
        view = self.manifest.views[self.data.view_b]
        stored = (view.height or 0, view.width or 0)
        sides = zip(stored, self.data.crop_shape, self.data.load_shape, strict=True)
        height, width = (max(min(max(own, crop), load), crop) for own, crop, load in sides)
        return height, width

    @property
    def watched_split(self) -> str:
        """The split that is scored and shown while a run goes on: `val`, else what is held out, never the test split.

        Where nothing is held out, `train` itself.
        """
        return "val" if self._has("val") else HELD_OUT if self.held_out else "train"

    @property
    def final_split(self) -> str:
        """The split whose scores end a run: the test split, else the watched one."""
        return "test" if self._has("test") else self.watched_split

    def stored_split(self, split: str) -> str:
        """The split of the data set that holds the images. Raises DatasetError for what is held out, if nothing is."""
        if split != HELD_OUT:
            return split
        if not self.held_out:
            raise DatasetError(
                f"this run holds no training images of {self.data.path} out: there is no split {HELD_OUT!r}. "
                f"Use one of {', '.join(self.manifest.splits)}."
            )
        return "train"

    def share(self, split: str, view: str, *, most: int | None = None) -> Share:
        """Which samples of the stored split the split has: of `train` those that are trained on.

        Args:
            most: samples; the same for whoever asks.
        """
        num_held_out = self.held_out.get(view, 0)
        start = num_held_out if split == "train" else 0
        ends = [num_held_out] if split == HELD_OUT else []
        return Share(start, min(ends + ([] if most is None else [start + most]), default=None))

    def num_images(self, split: str, view: str | None = None) -> int:
        """Samples of a split: all, or those that have a view."""
        stored = self._stored(self.stored_split(split), view)
        num_held_out = self._num_held_out(view)
        return num_held_out if split == HELD_OUT else stored - (num_held_out if split == "train" else 0)

    def _num_held_out(self, view: str | None) -> int:
        if view is not None:
            return self.held_out.get(view, 0)
        return (max if self.manifest.kind == "paired" else sum)([0, *self.held_out.values()])

    def _stored(self, split: str, view: str | None = None) -> int:
        return self.manifest.num_samples(split, view) if split in self.manifest.splits else 0

    def _has(self, split: str) -> bool:
        """Whether there are images of all that the run reads."""
        return all(self._stored(split, view) for view in self.views)


def describe_watched(subject: Subject) -> str | None:
    """What people are to know of the images that are watched; None where there is a validation split."""
    if subject.watched_split == "val":
        return None
    place = f"no split val in {subject.data.path}"
    if not subject.held_out:
        return f"{place}, and too few images to hold any out: those that are watched are trained on."
    views = [None] if subject.manifest.kind == "paired" else [*subject.held_out]
    counts = [
        f"{subject.num_images(HELD_OUT, view)} of {subject.manifest.num_samples('train', view)} training images"
        + ("" if view is None else f" of view {view}")
        for view in views
    ]
    return f"{place}: {' and '.join(counts)} are held out. They are watched, and not trained on."


def check_held_out(subject: Subject) -> None:
    """Raises ConfigError unless training can leave out what it is said to leave out, by a file that may be damaged."""
    held_out, numbers = dict(subject.held_out), set(subject.held_out.values())
    if not held_out:
        return
    remedy = f"does not fit {subject.data.path}. Put a copy of run.json there, or start a new run."
    if set(held_out) != set(subject.views) or (subject.manifest.kind == "paired" and len(numbers) > 1):
        raise ConfigError("held_out", held_out, remedy)
    for view, number in held_out.items():
        if not 0 < number < subject.num_images("train", view) + number:
            raise ConfigError("held_out", held_out, remedy)


def check_scored(subject: Subject, split: str) -> None:
    """Raises DatasetError if there is no such split, no `train` split for the baselines, or nothing in it."""
    for name in ("train", subject.stored_split(split)):
        select_shards(subject.data.path, subject.manifest, split=name)
