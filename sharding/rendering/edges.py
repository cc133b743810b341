"""Edges of photos, dark lines on white: the input of edges -> photo, as pix2pix (arXiv:1611.07004, 4) made it."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from sharding.errors import DatasetError, OptionError

VIEW = "edges"
EXTENSION = f"{VIEW}.png"

EDGE_SHARE = 0.15
"""Of the pixels: those with the steepest gradients may begin a line. Thresholds from the median brightness, which are
usual, leave out mouths and noses in bright faces and draw every leaf of a dark forest."""
LEAST_HIGH, LOW_PER_HIGH = 40, 0.4
"""Below the first, gradients are the noise of a flat photo."""
HED_MEAN = (104.00699, 116.66877, 122.67892)
"""Blue, green and red that HED's authors subtract."""

DrawEdges = Callable[[np.ndarray], np.ndarray]
"""Photo, uint8, (height, width) or (height, width, 3) RGB -> edges, uint8, (height, width): lines dark, ground 255."""


@dataclass(frozen=True, kw_only=True)
class EdgeOptions:
    """Edges drawn while sharding."""

    edges: str | None = None
    """Add a view `edges`, drawn from the view of this name: dark lines on white."""
    edges_method: Literal["canny", "hed"] = "canny"
    """`canny`: thin binary lines (Canny 1986). `hed`: soft lines by a network (Xie & Tu 2015, arXiv:1504.06375)."""
    canny_low: int | None = None
    """Gradient (Sobel 3x3, about twice the step in grey levels) above which a pixel continues a line. Unless given:
    0.4 of the high one."""
    canny_high: int | None = None
    """The same for a pixel that begins a line. Unless given: what 15 % of the photo's pixels exceed, at least 40."""
    hed_weights: Path | None = None
    """HED as an ONNX file whose last output is the fused map in 0..1 (OpenCV 5 reads no Caffe files)."""

    def __post_init__(self) -> None:
        for name in ("canny_low", "canny_high"):
            value, option = getattr(self, name), f"--{name.replace('_', '-')}"
            if value is not None and (self.edges is None or self.edges_method != "canny"):
                raise OptionError(f"{option}: it goes with --edges VIEW --edges-method canny.")
            if value is not None and value < 1:
                raise OptionError(f"{option} {value}: use 1 or more.")
        if self.canny_low is not None and self.canny_high is not None and self.canny_low > self.canny_high:
            raise OptionError(f"--canny-low {self.canny_low}: use at most --canny-high, which is {self.canny_high}.")
        if self.edges is None and self.edges_method != "canny":
            raise OptionError(f"--edges-method {self.edges_method}: it goes with --edges VIEW.")
        if (self.hed_weights is not None) != (self.edges_method == "hed"):
            raise OptionError("--edges-method hed and --hed-weights belong together: give both or none.")

    def check_views(self, views: Collection[str], *, classes_view: str | None) -> None:
        """Reject a view that is not there or shows classes, and another view called edges."""
        photos = [view for view in views if view != classes_view]
        if self.edges is not None and (self.edges not in photos or VIEW in views):
            raise OptionError(f"--edges {self.edges!r}: use a view that shows photos ({', '.join(photos)}); "
                              f"none may itself be called {VIEW!r}.")  # fmt: skip

    def made_by(self) -> dict[str, Any]:
        """What decides the edges, as JSON values; nothing if there are none."""
        if self.edges is None:
            return {}
        options = {"edges": self.edges, "edges_method": self.edges_method}
        if self.hed_weights is None:
            return options | {"canny_low": self.canny_low, "canny_high": self.canny_high}
        if not self.hed_weights.is_file():
            raise DatasetError(f"{self.hed_weights} is no file. Give HED's ONNX file as --hed-weights, or use canny.")
        return options | {"hed_weights": hashlib.sha256(self.hed_weights.read_bytes()).hexdigest()}

    def draw(self, pixels: np.ndarray) -> np.ndarray:
        """Photo, uint8, (height, width) or (height, width, 3) RGB -> edges, uint8, (height, width): dark on 255.

        Raises:
            DatasetError: the network's file cannot be read.
        """
        if self.hed_weights is not None:
            return hed_method(self.hed_weights)(pixels)
        return draw_canny(pixels, low=self.canny_low, high=self.canny_high)


def draw_canny(pixels: np.ndarray, *, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Edges by Canny, on the photo's brightness after a blur of one pixel; thresholds as in `EdgeOptions`."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    blurred = cv2.GaussianBlur(grey, (0, 0), 1.0)
    across, down = cv2.Sobel(blurred, cv2.CV_16S, 1, 0), cv2.Sobel(blurred, cv2.CV_16S, 0, 1)
    if high is None:
        steepness = np.hypot(across.astype(np.float32), down.astype(np.float32))
        high = max(LEAST_HIGH, float(np.quantile(steepness, 1 - EDGE_SHARE)), low or 0)
    if low is None:
        low = LOW_PER_HIGH * high
    return 255 - cv2.Canny(across, down, low, high, L2gradient=True)


@cache
def hed_method(weights: Path) -> DrawEdges:
    """Edges by HED. Not yet run with its published weights: the network's inputs and outputs are as its authors say.

    Raises:
        DatasetError: OpenCV cannot read the file.
    """
    try:
        network = cv2.dnn.readNetFromONNX(str(weights))
    except cv2.error as error:
        raise DatasetError(f"{weights} is no ONNX file that OpenCV reads ({error.err}).") from error

    def draw(pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        color = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
        blob = cv2.dnn.blobFromImage(color, size=(width, height), mean=HED_MEAN, swapRB=True)
        network.setInput(blob)
        outputs = network.forward(network.getUnconnectedOutLayersNames())
        edges = outputs[-1].reshape(height, width)
        return (255 * (1 - edges.clip(0, 1))).round().astype(np.uint8)

    return draw
