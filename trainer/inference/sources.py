"""Sources of pictures: files, and samples of shards, read alike. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sharding.errors import DatasetError
from sharding.format.manifest import ClassInfo, View
from trainer.inference.shards.member import Member
from trainer.pictures.files import UnreadablePictureError, decode_picture, read_picture

Source = Path | Member


def read_source(source: Source, *, view: View, classes: Sequence[ClassInfo]) -> np.ndarray:
    """The pixels (H, W, C) of a picture as a view has them: see `read_picture`. Raises UnreadablePictureError."""
    if isinstance(source, Path):
        return read_picture(source, view=view, classes=classes)
    try:
        content = source.read()
    except (OSError, DatasetError) as error:
        raise UnreadablePictureError(f"cannot be read: {error}") from error
    return decode_picture(content, name=source.key, view=view, classes=classes)
