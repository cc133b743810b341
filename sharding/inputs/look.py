"""Look into the files of a catalogue, and at their names: headers and labels."""

import json
from itertools import islice
from pathlib import Path

from sharding.errors import DatasetError
from sharding.format.codec import read_header
from sharding.format.manifest import LabelInfo
from sharding.inputs.catalogue import TRAITS, Catalogue
from sharding.inputs.labels import LabelOptions
from sharding.work.crew import Crew
from sharding.work.problems import InputError, Problems, Rejected, rejected_by
from sharding.work.progress import Tick, adding

BATCH = 256
"""Headers that are read by one call in another process."""
FEW_FILES = 2000
"""Headers of so many are read in this process: starting others takes a second."""


def read_labels(catalogue: Catalogue, options: LabelOptions, problems: Problems) -> dict[str, LabelInfo]:
    """Label all samples by the names of their files, and number the labels' values."""
    reader = options.reader()
    if reader is None:
        return {}
    bad: list[Rejected] = []
    with catalogue.many() as change:
        for id, path, stem in catalogue.rows("SELECT id, path, stem FROM file ORDER BY path"):
            try:
                change("UPDATE file SET labels = ? WHERE id = ?", [(json.dumps(reader(Path(path), stem)), id)])
            except InputError as error:
                bad.append(rejected_by(error, path))
    catalogue.forget("SELECT split, stem FROM file WHERE labels IS NULL")
    problems.add(bad, headline=options.headline)
    problems.check()
    if not len(catalogue):
        raise problems.nothing_left("No image with labels is left.")
    return options.number(json.loads(text) for (text,) in catalogue.rows("SELECT DISTINCT labels FROM file"))


def read_headers(catalogue: Catalogue, crew: Crew, problems: Problems, *, max_megapixels: float) -> None:
    """Look into all files.

    Raises:
        DatasetError: see `Crew.run`.
    """
    total = catalogue.one("SELECT COUNT(*) FROM file")
    paths = catalogue.rows("SELECT id, path FROM file ORDER BY id")
    batches = iter(lambda: list(islice(paths, BATCH)), [])
    bad: list[Rejected] = []
    tick = adding(crew.looking, total=total)
    found = crew.run(_read_batch, None, batches, tick=tick, is_small=total <= FEW_FILES)
    columns = ", ".join(f"{name} = ?" for name in ("width", "height", *TRAITS))
    with catalogue.many() as change:
        for headers, rejected in found:
            change(f"UPDATE file SET {columns} WHERE id = ?", headers)
            bad += rejected
    catalogue.forget("SELECT split, stem FROM file WHERE width IS NULL")
    problems.add(
        sorted(bad, key=str),
        headline=("file is no image;", "files are no images;", "remove or replace them"),
    )
    catalogue.reject(
        f"width * height > {max_megapixels * 1e6}",
        problems=problems,
        headline=(
            "image is",
            "images are",
            f"larger than --max-megapixels {max_megapixels:g}; raise it if that is meant",
        ),
        reason=lambda view, width, height, *_: f"announces {width}x{height} pixels",
    )


def _read_batch(shared: None, item: list[tuple[int, str]], *, tick: Tick) -> tuple[list[tuple], list[Rejected]]:
    """The values of each file's columns, in order, and its id; and the files that are no images."""
    headers, rejected = [], []
    for id, path in item:
        try:
            header = read_header(Path(path))
        except (DatasetError, OSError) as error:
            rejected.append(_rejected(path, error))
        else:
            headers.append((*header.size, *(getattr(header, name) for name in TRAITS), id))
        tick(1)
    return headers, rejected


def _rejected(path: str, error: Exception) -> Rejected:
    if isinstance(error, OSError):
        return Rejected(file=path, reason=f"cannot be read ({error.strerror})")
    return Rejected(file=path, reason=str(error).removeprefix(f"{path}: "))
