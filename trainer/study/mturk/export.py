"""What goes to MTurk: a file with one HIT a row, and a folder of images to be put on the web."""

import csv
import io
import shutil
from pathlib import Path

from sharding.storage.files import write_atomically
from trainer.config.errors import ConfigError
from trainer.study.design import IMAGES
from trainer.study.mturk.layout import SIDES, Layout, columns
from trainer.study.plan import Trial, plan_session

Row = dict[str, str]
"""Column -> what stands there."""


def plan_hits(layout: Layout, *, num_hits: int) -> list[Row]:
    """So many sessions, of one method each, in turn: the design's practice trials first."""
    methods = layout.design.methods
    return [_row(layout, session, method=methods[session % len(methods)]) for session in range(num_hits)]


def _row(layout: Layout, session: int, *, method: str) -> Row:
    trials = plan_session(layout.design, session=session, method=method)
    filled: Row = {}
    for number, trial in enumerate(trials):
        fake = _place_of_fake(trial)
        filled[f"gt_side{number}"] = SIDES[1 - fake]
        filled |= {f"images_{side}{number}": layout.names[file] for side, file in zip(SIDES, trial.files, strict=True)}
    return {name: filled[name] for name in columns(len(trials))}


def _place_of_fake(trial: Trial) -> int:
    """Whoever calls the fake one fake is not fooled, 0; and heeds an attention check, 1."""
    return trial.choices.index(1.0 if trial.part == "attention" else 0.0)


def write_hits(path: Path, rows: list[Row]) -> None:
    """Write the file for MTurk's `Publish batch`, whole or not at all. Raises OSError."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def copy_images(study: Path, layout: Layout, folder: Path) -> int:
    """Lay all images into a new folder under the names that the rows have. Returns how many.

    Raises:
        ConfigError: there is something in the folder, or an image of the study is gone.
        OSError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("images", str(folder), "is there already; remove it, or name another.")
    gone = [cell.file for cell in layout.cells.values() if not (study / IMAGES / cell.file).is_file()]
    if gone:
        raise ConfigError("study", str(study / IMAGES / gone[0]), "is gone; put a copy of it there.")
    for name, cell in layout.cells.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(study / IMAGES / cell.file, place)
    return len(layout.cells)
