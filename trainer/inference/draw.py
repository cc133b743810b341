"""Draws new pictures with a trained run: from noise, by label, or between two pictures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from sharding.storage.files import write_atomically
from trainer.config.errors import ConfigError
from trainer.data.randomness import seeded
from trainer.data.subject import Subject
from trainer.inference.examples import read_example
from trainer.inference.operation import find_label, name_method
from trainer.inference.translator import Translator, load_translator
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.methods.base import Encodes, Samples
from trainer.methods.codes import map_codes
from trainer.pictures.files import UnreadablePictureError
from trainer.pictures.grid import save_picture
from trainer.pictures.kinds import result_suffix
from trainer.pictures.stored import encode_result
from trainer.pictures.tensors import to_picture
from trainer.runs.opened import OpenRun

_AT_ONCE = 64
_IN_GRID = 1024  # pictures, or pairs of them: 32 in a row


def draw_pictures(
    opened: OpenRun,
    *,
    destination: Path,
    num: int,
    label: str | None,
    between: tuple[Path, Path] | None,
    seed: int,
    device: torch.device,
    checkpoint: Path | None = None,
    usage: Usage = AS_THE_METHOD,
) -> list[Path]:
    """Write `num` pictures, 0000.png ..., and grid.png with the first 1024, to a new or empty folder.

    Each is written as it is drawn: memory does not grow with their number.

    The pictures have the type of view b, and another suffix than .png if it takes one: see `result_suffix`. Of a method
    that draws several views of a thing at once, 0000-a.png and 0000-b.png, each of the type of its view, side by side
    in the grid.

    Args:
        label: name of the label that all show; None for all labels in turn, where the method has any.
        between: two pictures whose codes the drawn ones lie between, from the first to the second.

    Raises:
        ConfigError: the method cannot do that, there is no such label, or a picture is none.
        OSError: a picture cannot be written.
    """
    _require_new(destination)
    subject = opened.subject
    translator, _ = load_translator(opened, device=device, checkpoint=checkpoint, usage=usage)
    with seeded(seed, "draw", device=device):
        if between is None:
            drawn = _sample(translator, subject, num=num, label=label, device=device)
        else:
            drawn = _interpolate(translator, between, subject, num=num, label=label, device=device)
        files: list[Path] = []
        pictures: list[Image.Image] = []
        digits = max(4, len(str(num - 1)))
        for place, images in enumerate(_each(drawn)):
            destination.mkdir(parents=True, exist_ok=True)  # what cannot be drawn has said so
            files += _write(images, subject, destination / f"{place:0{digits}d}")
            if place < _IN_GRID:
                pictures.append(_beside([to_picture(image) for image in images.values()]))
    save_picture(destination / "grid.png", _mosaic(pictures))
    return files


def _each(drawn: Iterator[Mapping[str, Tensor]]) -> Iterator[Mapping[str, Tensor]]:
    """One by one, what comes in batches."""
    for views in drawn:
        for images in zip(*views.values(), strict=True):
            yield dict(zip(views, images, strict=True))


def _write(images: Mapping[str, Tensor], subject: Subject, stem: Path) -> list[Path]:
    files = []
    for name, image in images.items():
        view = subject.manifest.views[getattr(subject.data, f"view_{name}")]
        ending = (f"-{name}" if len(images) > 1 else "") + result_suffix(view)
        files.append(stem.with_name(stem.name + ending))
        write_atomically(files[-1], encode_result(image, view=view, classes=subject.manifest.classes))
    return files


def _require_new(destination: Path) -> None:
    if destination.exists() and not destination.is_dir():
        raise ConfigError("out", str(destination), "is a file; give a folder.")
    if destination.is_dir() and any(destination.iterdir()):
        raise ConfigError("out", str(destination), "is not empty; give a new folder.")


def _sample(
    translator: Translator, subject: Subject, *, num: int, label: str | None, device: torch.device
) -> Iterator[Mapping[str, Tensor]]:
    """Views by name, some images at a time."""
    if not isinstance(translator.method, Samples):
        raise ConfigError("method.name", subject.method.name, "draws no pictures; use `diptych translate`.")
    labels = _labels(subject, num=num, name=label, device=device)
    for start in range(0, num, _AT_ONCE):
        end = min(start + _AT_ONCE, num)
        yield translator.sample_views(end - start, None if labels is None else labels[start:end])


def _labels(subject: Subject, *, num: int, name: str | None, device: torch.device) -> Tensor | None:
    if not subject.method.needs_label:
        if name is not None:
            raise ConfigError("label", name, f"{name_method(subject.method)} draws pictures of no label.")
        return None
    if name is not None:
        return torch.full((num,), find_label(name, subject), device=device)
    assert subject.data.label is not None
    return torch.arange(num, device=device) % len(subject.manifest.labels[subject.data.label].names)


def _interpolate(
    translator: Translator,
    between: tuple[Path, Path],
    subject: Subject,
    *,
    num: int,
    label: str | None,
    device: torch.device,
) -> Iterator[Mapping[str, Tensor]]:
    """Equal steps from the code of the first picture to that of the second, both ends included."""
    names = [str(path) for path in between]
    if label is not None:
        raise ConfigError("label", label, "is of no use with --between; give one of the two.")
    if not isinstance(translator.method, Encodes):
        raise ConfigError("between", names, f"{name_method(subject.method)} has no codes to go between.")
    try:
        first, last = (translator.encode(read_example(path, subject, device=device)) for path in between)
    except UnreadablePictureError as error:
        raise ConfigError("between", names, f"one of them {error}.") from error
    for part in torch.linspace(0, 1, num, device=device).split(_AT_ONCE):
        yield {"b": translator.decode(map_codes(partial(_between, weights=part), first, last))}


def _between(first: Tensor, last: Tensor, *, weights: Tensor) -> Tensor:
    """(1, ...) each -> (N, ...), at N weights."""
    return torch.lerp(first, last, weights.view(-1, *[1] * (first.dim() - 1)))


def _beside(pictures: Sequence[Image.Image]) -> Image.Image:
    """Left to right."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (len(pictures) * width, height), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place * width, 0))
    return sheet


def _mosaic(pictures: list[Image.Image]) -> Image.Image:
    """All in rows, about as wide as high."""
    columns = math.ceil(math.sqrt(len(pictures)))
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * width, math.ceil(len(pictures) / columns) * height), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, ((place % columns) * width, place // columns * height))
    return sheet
