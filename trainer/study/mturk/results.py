"""What comes back from MTurk: one assignment a row, as answers of the study."""

import csv
import hashlib
import hmac
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sharding.storage.records import RecordError, read_record
from trainer.config.errors import ConfigError
from trainer.study.answers import TRUTH, Answer, Part
from trainer.study.mturk.layout import CHECKS, SIDES, Cell, Layout

_LARGEST = 2**28
_COLUMNS = ("Input.gt_side", "Input.images_left", "Input.images_right", "Answer.selection")
_PRACTICE, _COUNTED, _CHECK = "practice", "counted", "attention"

Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a file of results holds."""

    answers: list[Answer]
    left_out: list[str]
    """Why whole assignments are not among the answers."""


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a file of results.

    Raises:
        ConfigError: there is no such file, or it is no CSV file with rows.
    """
    try:
        text = read_record(path, most=_LARGEST).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True, restval=""))
    except FileNotFoundError as error:
        raise ConfigError("csv", str(path), "is not there; give the file that MTurk's `Download CSV` made.") from error
    except (RecordError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError("csv", str(path), f"is no CSV file: {error}.") from error
    if not rows:
        raise ConfigError("csv", str(path), "holds no assignments.")
    if any(None in row for row in rows):
        raise ConfigError("csv", str(path), "has a row of more cells than its first row names.")
    return rows


def read_results(layout: Layout, rows: Sequence[Row], *, known: Sequence[Answer]) -> Results:
    """Make answers of rows. Workers' identifiers become salted hashes unless the study keeps them.

    Args:
        known: answers that the study has: what is there already comes again the same, and is no second assignment.

    Raises:
        ConfigError: a column is missing, or a cell is none of this study's.
    """
    _check_columns(layout, rows)
    before: dict[str, list[Answer]] = {}
    for answer in known:
        before.setdefault(answer.participant, []).append(answer)
    found, left_out, seen = [], [], set()
    for number, row in enumerate(rows, 2):  # as a spreadsheet counts
        where = f"row {number}, assignment {row['AssignmentId']}"
        if row["AssignmentId"] in seen:
            raise ConfigError("AssignmentId", row["AssignmentId"], f"is in the file twice (row {number}).")
        seen.add(row["AssignmentId"])
        participant = name_of(layout, row["WorkerId"])
        given = _answers(layout, row, participant=participant, where=where)
        if row.get("AssignmentStatus") == "Rejected":
            left_out.append(f"{where}: was rejected.")
        elif before.setdefault(participant, given) != given:
            left_out.append(f"{where}: a second one of the same worker ({participant}).")
        else:
            found += given
    return Results(answers=found, left_out=left_out)


def name_of(layout: Layout, worker: str) -> str:
    """A worker's name in the study."""
    if layout.design.keeps_ids:
        return f"mturk-{worker}"
    return f"mturk-{hmac.digest(bytes.fromhex(layout.design.salt), worker.encode(), hashlib.sha256).hex()[:24]}"


def _check_columns(layout: Layout, rows: Sequence[Row]) -> None:
    trials = layout.design.num_trials
    wanted = [f"{name}{trial}" for trial in range(trials) for name in _COLUMNS] + ["WorkerId", "AssignmentId"]
    if _COLUMNS[0].removeprefix("Input.") + "0" in rows[0]:
        remedy = "is what goes in: give the file that MTurk's `Download CSV` makes of the answers."
        raise ConfigError("csv", "gt_side0", remedy)
    if missing := [name for name in wanted if name not in rows[0]]:
        remedy = f"is missing ({len(missing)} of {len(wanted)} are); a HIT of this study has {trials} trials, from 0."
        raise ConfigError("csv", missing[0], remedy)
    if f"{_COLUMNS[0]}{trials}" in rows[0]:
        raise ConfigError("csv", f"{_COLUMNS[0]}{trials}", f"is more than this study's {trials} trials.")


def _answers(layout: Layout, row: Row, *, participant: str, where: str) -> list[Answer]:
    if not row["WorkerId"] or not row["AssignmentId"]:
        raise ConfigError("csv", where, "has no WorkerId or no AssignmentId.")
    return [
        _answer(layout, row, trial, participant=participant, where=where) for trial in range(layout.design.num_trials)
    ]


def _answer(layout: Layout, row: Row, trial: int, *, participant: str, where: str) -> Answer:
    real_side, left, right, selection = (row[f"{name}{trial}"] for name in _COLUMNS)
    for name, value in ((_COLUMNS[0], real_side), (_COLUMNS[3], selection)):
        if value not in SIDES:
            raise ConfigError(f"{name}{trial}", value, f"{where}: should be left or right.")
    cells = {}
    for side, name in zip(SIDES, (left, right), strict=True):
        if name not in layout.cells:
            raise ConfigError(f"Input.images_{side}{trial}", name, f"{where}: is no image of this study.")
        cells[side] = layout.cells[name]
    real, fake = cells[real_side], cells[_other(real_side)]
    if real.who != TRUTH or fake.who == TRUTH:
        raise ConfigError(
            f"{_COLUMNS[0]}{trial}", real_side, f"{where}: of {left} and {right} that is not the real one."
        )
    part = _part(layout, trial, fake)
    is_fooled = selection == real_side  # the worker clicks what looks fake
    return Answer(
        participant=participant,
        protocol="real-or-fake",
        part=part,
        trial=trial,
        method=layout.design.methods[0] if fake.who == CHECKS else fake.who,
        image=fake.image,
        value=float(is_fooled != (part == _CHECK)),
        exposures_ms=_exposures(row, trial),
        seconds=_number(row, f"Answer.seconds{trial}"),
    )


def _part(layout: Layout, trial: int, fake: Cell) -> Part:
    if fake.who == CHECKS:
        return _CHECK
    return _PRACTICE if trial < layout.design.num_practice else _COUNTED


def _other(side: str) -> str:
    return SIDES[1 - SIDES.index(side)]


def _exposures(row: Row, trial: int) -> tuple[float, ...]:
    """What our page measures, and the papers' does not."""
    times = [_number(row, f"Answer.exposure_{side}{trial}") for side in SIDES]
    return tuple(time for time in times if time is not None)


def _number(row: Row, name: str) -> float | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ConfigError(name, text, f"assignment {row['AssignmentId']}: should be a number, 0 or more.")
    return value
