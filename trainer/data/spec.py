"""What enters the pixels' pipeline, and what becomes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sharding.format.manifest import ClassInfo, View
from trainer.config.data import DegradeConfig, JitterConfig, Resize
from trainer.data.views import keeps_class_colors


@dataclass(frozen=True, kw_only=True)
class PixelSpec:
    """What becomes of the images, and where; geometry is equal for all views, so that they stay aligned."""

    views: Sequence[View]
    """Of the images that come in."""
    classes: Sequence[ClassInfo] = ()
    """Whose flat colours take the place of their numbers in views that hold classes."""
    degrade: DegradeConfig = field(default_factory=DegradeConfig)
    """If of a kind, there are two outputs: the first view degraded, and the last as it is (they may be the same)."""
    resize: Resize = "stretch"
    load_size: tuple[int, int]
    """Pixels: height and width to which images are resized, or that they are to cover."""
    crop_size: tuple[int, int]
    """Pixels: height and width of what is cut out."""
    flat_target: bool = False
    """The last view is not mixed of neighbouring pixels where it shows classes in flat colours; of their numbers no
    view ever is."""
    rotate: bool = False
    """Crops, which are squares, are turned as `EncodedView.turns` says."""
    jitter: JitterConfig = field(default_factory=JitterConfig)
    """Of the first view (a) or the last (b)."""
    is_aligned: bool = True
    """All views of a sample show one thing, and so must have one size once they are resized."""
    batch_size: int
    """The most samples that a batch may have."""
    num_threads: int
    device_id: int | None
    """Index of the GPU, None for the CPU."""

    def __post_init__(self) -> None:
        is_smaller = any(load < crop for load, crop in zip(self.load_size, self.crop_size, strict=True))
        if min(self.crop_size) < 1 or (self.resize != "none" and is_smaller):
            raise ValueError(
                f"crop_size = {self.crop_size}: must be at least 1 and at most load_size = {self.load_size}."
            )

    @property
    def on_gpu(self) -> bool:
        """Whether pixels are worked on there."""
        return self.device_id is not None

    def is_nearest(self, view: View) -> bool:
        """Whether one of the views is resized to the nearest of its own pixels."""
        is_target = self.flat_target and view == self.views[-1]
        return view.content == "classes" or (is_target and keeps_class_colors(view))

    @property
    def output_views(self) -> list[View]:
        """What comes out are images of."""
        return [*self.views] if self.degrade.kind == "none" else [self.views[0], self.views[-1]]

    @property
    def jittered(self) -> int | None:
        """Place of the view whose light is changed."""
        if not self.jitter.is_on:
            return None
        return 0 if self.jitter.view == "a" else len(self.views) - 1


def may_exceed(view: View) -> bool:
    """Whether decoded and resized values may lie beyond `View.decoded_range`, where they are cut: cubic overshoots."""
    low, high = view.decoded_range
    return not (low <= 0 and high >= 255 and (view.dtype == "uint8" or view.content == "classes"))


@dataclass(frozen=True, kw_only=True)
class EncodedView:
    """One view of N samples, as it enters the pipeline."""

    files: list[NDArray[np.uint8]]
    """The N encoded images."""
    places: NDArray[np.float64]
    """[N, 2] in [0, 1): which of the possible rows and columns the crop begins at."""
    flips: NDArray[np.int32]
    """[N] 1 to mirror the crop left to right, else 0."""
    turns: NDArray[np.int32]
    """[N] quarter turns of the crop, against the clock, before it is mirrored."""
    light: NDArray[np.float32]
    """[N, 4] in [-1, 1): how far brightness, contrast, saturation and hue are changed, of what is allowed."""
    noise_seeds: NDArray[np.int64]
    """[N] of the noise that is added where the view is to be noisy."""

    def row(self, number: int) -> "EncodedView":
        """One sample alone."""
        one = slice(number, number + 1)
        return EncodedView(**{name: values[one] for name, values in vars(self).items()})


Source = Callable[[int], Sequence[EncodedView]]
"""Batch number -> its views: a pure function, because DALI asks ahead. Raises StopIteration after the last."""
