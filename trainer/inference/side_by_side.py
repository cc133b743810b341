"""What several runs make of the same pictures."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from trainer.data.randomness import seeded
from trainer.inference.operation import choose_operation
from trainer.inference.padding import translate_image
from trainer.inference.translator import load_translator
from trainer.pictures.files import UnreadablePictureError, read_picture
from trainer.pictures.stored import from_stored
from trainer.pictures.tensors import to_picture
from trainer.runs.opened import OpenRun


def translated(
    run: OpenRun, files: Sequence[Path], *, device: torch.device, side: int
) -> tuple[dict[Path, tuple[Image.Image, Image.Image]], dict[Path, str]]:
    """Of each file what a run sees, and what its newest checkpoint makes of it, 8 bits; and why others failed.

    Pictures larger than `side` pixels are reduced before. Noise follows from the file's name, whatever the run.

    Raises:
        ConfigError: the run does not translate, or has no checkpoint.
    """
    translator, _ = load_translator(run, device=device)
    operation = choose_operation(translator, run.subject, direction="a2b", label=None, device=device)
    classes = run.subject.manifest.classes
    made: dict[Path, tuple[Image.Image, Image.Image]] = {}
    failed: dict[Path, str] = {}
    for file in files:
        try:
            pixels = read_picture(file, view=operation.source, classes=classes)
        except UnreadablePictureError as error:
            failed[file] = str(error)
            continue
        image = _reduced(from_stored(pixels, operation.source), side)
        with seeded(0, "compare", file.name, device=device):
            made[file] = to_picture(image), to_picture(translate_image(operation, image, device=device))
    return made, failed


def _reduced(image: Tensor, side: int) -> Tensor:
    """(C, H, W), its longer side no longer than `side`."""
    factor = side / max(image.shape[-2:])
    if factor >= 1:
        return image
    size = [max(1, round(length * factor)) for length in image.shape[-2:]]
    return F.interpolate(image[None], size, mode="bicubic", antialias=True)[0].clamp(-1, 1)
