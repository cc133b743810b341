"""The FCN score (Isola et al. 2017, arXiv:1611.07004, section 4.1): whether a network that learnt on real photos finds
in generated ones the labels that they were made from.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.subject import Subject
from trainer.evaluation.bootstrap import Interval
from trainer.evaluation.judges.asked import labels_view
from trainer.evaluation.judges.fcn_file import Fcn, open_fcn
from trainer.evaluation.judges.label_maps import LabelMaps
from trainer.evaluation.metrics.base import Metrics
from trainer.evaluation.metrics.segmentation import Confusion
from trainer.pictures.tensors import to_uint8
from trainer.ranks.world import World

PREFIX = "fcn_"
"""Of the names of the scores."""


class FcnScores:
    """Scores of photos by the confusion matrix of what a network sees in them, against their labels.

    As in the papers' protocol photos come to the labels' size first: rounded to 8 bits as in a PNG file, resized
    bilinearly with antialiasing, rounded again. A network that was trained at another size than that of the labels sees
    them at its own scale, and its scores come to the labels' size.

    Args:
        scale: of the network's size to the labels', height and width.
    """

    def __init__(self, fcn: Fcn, maps: LabelMaps, *, scale: tuple[float, float]) -> None:
        self.network = fcn.network
        self.maps = maps
        self.scale = scale
        self.confusion = Confusion([info.name for info in fcn.info.classes], prefix=PREFIX)

    @torch.no_grad()
    def update(self, images: Tensor, batch: Batch) -> None:
        true = self.maps.of(batch)
        height, width = true.shape[-2:]
        seen = (round(height * self.scale[0]), round(width * self.scale[1]))
        scores = self.network(rounded(resized(rounded(images.expand(-1, 3, -1, -1)), seen)))
        if seen != (height, width):
            scores = F.interpolate(scores, size=(height, width), mode="bilinear", align_corners=False)
        self.confusion.add(scores.argmax(dim=1), true)

    def merge(self, world: World) -> None:
        self.confusion.merge(world)

    def compute(self) -> dict[str, float]:
        return self.confusion.compute()

    def intervals(self) -> dict[str, Interval]:
        """See `HasIntervals`."""
        return self.confusion.intervals()


class FcnJudge:
    """Makes `FcnScores` of one network for one split of a run.

    Raises:
        ConfigError: the file is no network's, it knows other classes, or the run makes no photos of labels.
    """

    name = "fcn"
    rates_real = True

    def __init__(self, path: Path, subject: Subject, *, split: str, world: World, field: str = "fcn") -> None:
        self.fcn = open_fcn(path, subject.manifest.classes, data=str(subject.data.path), field=field)
        self.fcn.network.to(world.device)
        self._maps = LabelMaps(subject, view=labels_view(subject, field=field), split=split, world=world)
        height, width = self._maps.stored or subject.evaluation_size
        self._scale = (self.fcn.info.size[0] / height, self.fcn.info.size[1] / width)
        self._crop = subject.data.crop_shape

    def make(self) -> Metrics:
        """New scores; labels are read once for all that are made."""
        return Metrics(batches=[FcnScores(self.fcn, self._maps, scale=self._scale)])

    @property
    def note(self) -> str:
        """What was done, for people."""
        info, (height, width) = self.fcn.info, self._maps.window
        seen = f"{round(height * self._scale[0])} x {round(width * self._scale[1])}"
        own = "; ".join(
            f"{split}: accuracy {scores['pixel_accuracy']:.3f}, of classes {scores['class_accuracy']:.3f}, "
            f"IoU {scores['miou']:.3f}"
            for split, scores in info.scores.items()
        )
        return (
            f"FCN scores: images of {self._crop[0]} x {self._crop[1]} pixels, rounded to 8 bits, not through JPEG, "
            f"brought to {seen} bilinearly, segmented by {self.fcn.path.name} ({info.network}, SHA-256 "
            f"{self.fcn.sha256[:12]}, trained on {info.dataset} at {info.size[0]} x {info.size[1]}), compared with "
            f"labels of {height} x {width}. Real photos at its own size: {own}."
        )


def rounded(images: Tensor) -> Tensor:
    """Images in [-1, 1] as a file of 8 bits holds them."""
    return to_uint8(images).float() / 127.5 - 1


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) to another height and width."""
    if tuple(images.shape[-2:]) == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
