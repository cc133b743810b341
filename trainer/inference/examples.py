"""Pictures that stand for something: an end of a way between codes, a style."""

from pathlib import Path

import torch
from torch import Tensor

from trainer.data.subject import Subject
from trainer.pictures.files import read_picture
from trainer.pictures.stored import from_stored
from trainer.pictures.tensors import resize_image


def read_example(path: Path, subject: Subject, *, device: torch.device) -> Tensor:
    """A picture of view b as the networks were trained on: (1, C, side, side) in [-1, 1].

    Raises UnreadablePictureError if it is none.
    """
    view = subject.manifest.views[subject.data.view_b]
    pixels = read_picture(path, view=view, classes=subject.manifest.classes)
    return resize_image(from_stored(pixels, view), min(subject.data.crop_shape))[None].to(device)
