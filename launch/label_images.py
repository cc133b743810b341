"""`diptych evaluate FOLDER --labels FOLDER`: scores of label images that were made elsewhere, without a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sharding.console import counted, make_console
from sharding.errors import DatasetError, OptionError
from sharding.format.codec import SUFFIXES
from sharding.format.manifest import ClassInfo
from sharding.storage.files import open_regular, write_atomically
from trainer.config.errors import ConfigError

if TYPE_CHECKING:  # a mistake on the command line is answered before torch is loaded
    from torch import Tensor

    from trainer.evaluation.metrics.segmentation import Confusion


@dataclass(frozen=True, kw_only=True)
class LabelImages:
    """To score a folder of label images, given in the run's place, against true ones of the same names."""

    labels: Path | None = None
    """Folder of the true label images: class numbers (255 is no class) or flat colours."""
    classes: str | None = None
    """Classes in these images: `wall=#0000ff,window=#ff0000`, or `sky,road` for files of numbers."""
    out: Path | None = None
    """Folder for scores.json and the confusion matrix as a picture; it is made."""


@dataclass(frozen=True, kw_only=True)
class _Classes:
    infos: Sequence[ClassInfo]
    has_colors: bool
    """Whether the colours are known."""


def score_label_images(folder: Path, asked: LabelImages) -> int:
    """Print the scores of a folder of label images. Returns the exit status.

    Raises:
        ConfigError: folders or classes are missing, or what is in them does not belong together.
        DatasetError: an image is damaged, or shows other classes.
    """
    made, true = _files(folder, "run"), _files(asked.labels or Path(), "labels")
    missing = sorted(true.keys() - made.keys())
    if missing:
        what = f"has no image for {counted(len(missing), 'label')}, as {missing[0]}; names must be the labels'."
        raise ConfigError("run", str(folder), what)
    classes = _classes(asked.classes, example=next(iter(true.values())))
    from trainer.evaluation.comparison import compare
    from trainer.evaluation.tables import plain_table

    confusion = _count([(made[name], true[name]) for name in true], classes)
    scores, console = confusion.compute(), make_console()
    rows = compare({f"eval/{name}": value for name, value in scores.items()})
    title = f"{folder}: {counted(len(true), 'image')}, against {asked.labels}"
    console.print(plain_table(("score", ""), [(row.title, row.show(row.translation)) for row in rows], title=title))
    if extra := len(made.keys() - true.keys()):
        console.print(f"not scored, for they have no label: {counted(extra, 'image')}")
    if asked.out is not None:
        _write(asked.out, scores, confusion, about=folder.name)
        console.print(f"written to {asked.out}")
    return 0


def _files(folder: Path, field: str) -> dict[str, Path]:
    """Images by their names without suffix, in order."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise ConfigError(field, str(folder), f"has {name} twice, as {found[name].suffix} and {path.suffix}.")
            found[name] = path
    if not found:
        raise ConfigError(field, str(folder), f"holds no images ({' '.join(sorted(SUFFIXES))}).")
    return found


def _classes(text: str | None, *, example: Path) -> _Classes:
    if text is None:
        raise ConfigError("classes", None, "name those in the images: `wall=#0000ff,window=#ff0000`, or `sky,road`.")
    from sharding.format.codec.header import read_header
    from sharding.rendering.classes import class_infos, parse_classes

    try:
        entries = parse_classes(text)
    except OptionError as error:
        raise ConfigError("classes", text, str(error)) from error
    if any(color is not None for _, color in entries) or read_header(example).has_palette:
        return _Classes(infos=class_infos(entries, example), has_colors=True)
    infos = [ClassInfo(name=name, color=(number, number, number)) for number, (name, _) in enumerate(entries)]
    return _Classes(infos=infos, has_colors=False)


def _count(pairs: Sequence[tuple[Path, Path]], classes: _Classes) -> "Confusion":
    from trainer.evaluation.metrics.segmentation import Confusion

    confusion = Confusion([info.name for info in classes.infos])
    for made, true in pairs:
        given, wanted = _numbers(made, classes, is_true=False), _numbers(true, classes, is_true=True)
        if given.shape != wanted.shape:
            sizes = [" x ".join(map(str, each.shape[1:])) for each in (given, wanted)]
            raise ConfigError("run", str(made), f"has {sizes[0]} pixels, and its label {sizes[1]}; scale neither.")
        if (given < 0).any():
            raise ConfigError("run", str(made), "has pixels of no class: a prediction names one for each.")
        confusion.add(given, wanted)
    return confusion


def _numbers(path: Path, classes: _Classes, *, is_true: bool) -> "Tensor":
    """int64 (1, H, W), -1 where it shows no class. Of a true one colours are exact, unless its file is lossy."""
    import numpy as np
    import torch

    from sharding.format.codec.header import open_picture, read_header
    from sharding.rendering.classes import NO_CLASS, class_indices
    from trainer.pictures.classes import class_colors, exact_class, nearest_class

    with open_regular(path, follow_links=True) as file, open_picture(file, name=str(path)) as image:
        if image.mode not in ("RGB", "RGBA"):
            numbers = class_indices(image, classes=classes.infos, path=path).astype(np.int64)
            return torch.from_numpy(np.where(numbers == NO_CLASS, -1, numbers))[None]
        is_exact = is_true and not read_header(path).is_lossy
        pixels = np.asarray(image.convert("RGB"))
    if not classes.has_colors:
        raise DatasetError(f"{path}: stores colours; write --classes name=#rrggbb,...")
    levels = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    return (exact_class if is_exact else nearest_class)(levels, class_colors(classes.infos))


def _write(out: Path, scores: Mapping[str, float], confusion: "Confusion", *, about: str) -> None:
    from trainer.evaluation.confusion_pictures import draw_confusions

    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "scores.json", json.dumps(scores, indent=1).encode())
    draw_confusions([confusion], beside=out / "confusion.png", about=about)
