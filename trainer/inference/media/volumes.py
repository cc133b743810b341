"""Volumes in NIfTI files, slice by slice along their third axis, through nibabel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sharding.storage.files import write_atomically
from trainer.pictures.files import UnreadablePictureError


def translate_volume(source: Path, target: Path, each: Callable[[np.ndarray], np.ndarray]) -> str:
    """Write a .nii.gz of what `each` makes of the slices (H, W, 1); affine and units are the source's.

    A slice is volume[:, :, k]: the first axis runs down, the second to the right. Of more axes, such as time, each
    slice is taken. Several channels become the fifth axis, as the format has vectors.

    Returns:
        What was left out of it, for people: nothing.

    Raises:
        UnreadablePictureError: the file is no volume that can be read.
        OSError: the target cannot be written.
    """
    import nibabel

    try:
        image: Any = nibabel.load(source)
        volume = _typed(image)
    except Exception as error:  # of its many readers
        raise UnreadablePictureError(f"cannot be read: {error}") from error
    if volume.ndim < 2:
        raise UnreadablePictureError(f"has {volume.ndim} axes, where slices have two")
    slices = volume.reshape(*volume.shape[:2], -1)
    made = np.stack([each(np.ascontiguousarray(slices[:, :, k, None])) for k in range(slices.shape[2])], axis=2)
    height, width, _, channels = made.shape
    shape = (height, width, *volume.shape[2:])
    if channels > 1:
        shape = (*shape, *[1] * (4 - len(shape)), channels)
    header = image.header.copy()
    header.set_data_dtype(made.dtype)
    result = nibabel.Nifti1Image(made.reshape(shape), image.affine, header)
    write_atomically(target, _packed(result))
    return ""


def _typed(image: Any) -> np.ndarray:
    """Values as they are meant: scaled as the header says, which makes floats; int16 without negatives as uint16."""
    values = np.asanyarray(image.dataobj)
    if values.dtype == np.int16 and values.min(initial=0) >= 0:
        return values.astype(np.uint16)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _packed(image: Any) -> bytes:
    import gzip

    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)
