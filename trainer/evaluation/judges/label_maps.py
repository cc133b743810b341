"""The class numbers that belong to a pass's images, at the size at which the labels are stored."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from sharding.format.manifest import ClassInfo, View
from trainer.config.data import DegradeConfig
from trainer.data.batch import Batch
from trainer.data.split import side_images
from trainer.data.subject import Subject
from trainer.data.views import keeps_class_colors
from trainer.pictures.classes import class_colors, exact_class, nearest_class
from trainer.ranks.world import World


def class_reader(view: View, classes: list[ClassInfo]) -> Callable[[Tensor], Tensor]:
    """What reads (N, 3, H, W) in [-1, 1] of a view as class numbers (N, H, W), -1 where it shows none.

    Of a lossy view, whose colours are not exact, each pixel has the class of the nearest colour.
    """
    colors, read = class_colors(classes), exact_class if keeps_class_colors(view) else nearest_class
    return lambda images: read(images, colors)


class Beside:
    """A further view of the images of a pass, read beside it.

    Args:
        subject: that has the view as b, at the size at which it is wanted.
        read: what becomes of the view's images (N, C, H, W) in [-1, 1].
    """

    def __init__(self, subject: Subject, *, split: str, world: World, read: Callable[[Tensor], Tensor]) -> None:
        self._subject, self._split, self._world, self._read = subject, split, world, read
        self._pass: Iterator[Batch] = iter(())
        self._next = 0
        self._found: dict[int, Tensor] = {}

    def of(self, batch: Batch) -> Tensor:
        """What belongs to a batch's samples.

        Args:
            batch: of a pass in stored order, from its beginning on; each may be asked for several times.
        """
        wanted = batch.index.tolist()
        if not all(place in self._found for place in wanted):
            self._found = {place: self._at(place) for place in wanted}
        return torch.stack([self._found[place] for place in wanted])

    def _at(self, place: int) -> Tensor:
        if place < self._next:
            self._next = 0
        if self._next == 0:
            view = self._subject.data.view_b
            self._pass = side_images(self._subject, view=view, split=self._split, world=self._world)
        for batch in self._pass:
            found = int(batch.index)
            self._next = found + 1
            if found == place:
                return self._read(batch.b)[0]
        raise AssertionError(f"sample {place} of split {self._split} is in no pass over {self._subject.data.view_b}")


class LabelMaps(Beside):
    """Labels of a run's images, class numbers int64 (N, H, W): the part of each that the run's images show.

    -1 is no class. A run scales images before it cuts out their centre. The same part is cut out of the labels as they
    are stored, so that these are not resampled; where their sizes differ, they are scaled as the images are.

    Args:
        view: that shows classes.
    """

    def __init__(self, subject: Subject, *, view: str, split: str, world: World) -> None:
        self.stored, self.window = label_window(subject, view)
        data = replace(
            subject.data,
            view_b=view,
            label=None,
            degrade=DegradeConfig(),
            resize="stretch" if self.stored else subject.data.resize,
            load_size=self.stored or subject.evaluation_size,
            crop_size=self.window,
        )
        read = class_reader(subject.manifest.views[view], subject.manifest.classes)
        super().__init__(replace(subject, data=data), split=split, world=world, read=read)


def label_window(subject: Subject, view: str) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """The stored height and width of a view, None where they differ; and of the centre that the run's images show."""
    info, crop = subject.manifest.views[view], subject.data.crop_shape
    if info.height is None or info.width is None:
        return None, crop
    stored, scaled = (info.height, info.width), subject.evaluation_size
    factors = [own / other for own, other in zip(stored, scaled, strict=True)]
    if subject.data.resize != "stretch":
        factors = [1.0 if subject.data.resize == "none" else min(factors)] * 2
    height, width = (min(round(side * factor), most) for side, factor, most in zip(crop, factors, stored, strict=True))
    return stored, (height, width)
