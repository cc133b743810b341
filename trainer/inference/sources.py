"""Sources of pictures: files, and samples of shards, read alike. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sharding.format.manifest import ClassInfo, View
from trainer.pictures.files import read_picture


def read_source(source: Any, *, view: View, classes: Sequence[ClassInfo]) -> np.ndarray:
    """The pixels (H, W, C) of a picture as a view has them: see `read_picture`. Raises UnreadablePictureError."""
    assert isinstance(source, Path)
    return read_picture(source, view=view, classes=classes)
