"""The wall of pictures: what each trial makes of the same images after the same number of images."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sharding.console import counted
from sweeps.plan import Sweep, SweepDir
from sweeps.rows import TrialRow
from trainer.pictures.cells import cell_size, cut_columns
from trainer.reports.pictures import Picture, UnusablePictureError, encoded, find_grids, open_picture

_MOST_ROWS = 4
MOST_BYTES = 7 * 2**20
"""Of all pictures, as they stand in the page."""


@dataclass(frozen=True)
class Column:
    """A column of a trial's sample grid, with its title."""

    digest: str
    """Of its pixels: equal where trials show the same, as their inputs are."""
    picture: Picture


@dataclass(frozen=True, kw_only=True)
class Panel:
    """All trials after the same number of images."""

    position: int
    common: Sequence[Column]
    """What all show alike: the inputs, the targets."""
    trials: Sequence[tuple[TrialRow, Sequence[Column]]]
    """Those that came so far, with what is their own; in the order of the rows."""
    num_behind: int
    """Trials with pictures, but not of this position: they had ended, or have not come so far."""


class Wall:
    """Makes the panels of a sweep. A picture that has been read is not read again."""

    def __init__(self, folder: SweepDir, sweep: Sweep) -> None:
        self._folder = folder
        height, width = sweep.config.data.crop_shape
        self._cell = cell_size(width, height)
        self._columns: dict[Path, list[Column] | None] = {}

    def panels(self, rows: Sequence[TrialRow]) -> tuple[list[Panel], list[str]]:
        """The panel that is fairest first: the last position to which all trials came. And notes on what is missing.

        Panels are left out, and then trials, the best last, where the page would be too large.
        """
        grids = {row.trial: {int(path.stem): path for path in find_grids(self._folder.run(row.trial))} for row in rows}
        rows = [row for row in rows if grids[row.trial]]
        panels: list[Panel] = []
        left, notes = MOST_BYTES, []
        for position in _choose([set(grids[row.trial]) for row in rows]):
            panel = self._panel(position, rows, {trial: found.get(position) for trial, found in grids.items()})
            fitting = _fit(panel, left)
            if len(fitting.trials) < len(panel.trials):
                if panels:
                    break
                hidden = len(panel.trials) - len(fitting.trials)
                notes.append(f"Pictures of {counted(hidden, 'trial')} are left out: the page would be too large.")
            left -= _size(fitting)
            panels.append(fitting)
        return panels, notes

    def _panel(self, position: int, rows: Sequence[TrialRow], paths: dict[str, Path | None]) -> Panel:
        read = [(row, self._read(path)) for row in rows if (path := paths[row.trial]) is not None]
        shown = [(row, columns) for row, columns in read if columns]
        everywhere = set.intersection(*({column.digest for column in columns} for _, columns in shown)) if shown else ()
        common = [column for column in shown[0][1] if column.digest in everywhere] if len(shown) > 1 else []
        own = {column.digest for column in common}
        return Panel(
            position=position,
            common=common,
            trials=[(row, [column for column in columns if column.digest not in own]) for row, columns in shown],
            num_behind=len(rows) - len(read),
        )

    def _read(self, path: Path) -> list[Column] | None:
        """The columns of a sample grid, which never changes once it is written; None of one that cannot be read."""
        if path not in self._columns:
            try:
                picture = open_picture(path)
                cut = cut_columns(picture, cell=self._cell, most_rows=_MOST_ROWS)
                self._columns[path] = [
                    Column(hashlib.sha256(column.tobytes()).hexdigest(), encoded(column, position=int(path.stem)))
                    for column in cut
                ]
            except UnusablePictureError:
                self._columns[path] = None
        return self._columns[path]


def _choose(found: Sequence[set[int]]) -> list[int]:
    """The last position that all have who have any but the first step's; the last of all, and one halfway between."""
    there = sorted(set().union(*found))
    later = there[1:] or there
    shared = set(later).intersection(*(positions for positions in found if not positions.isdisjoint(later)))
    if not later:
        return []
    fairest = max(shared, default=later[0])
    beyond = [position for position in later if position > fairest]
    return list(dict.fromkeys([fairest, *beyond[-1:], *beyond[(len(beyond) - 2) // 2 : -1][:1]]))


def _size(panel: Panel) -> int:
    columns = [*panel.common, *(column for _, own in panel.trials for column in own)]
    return sum(len(column.picture.uri) for column in columns)


def _fit(panel: Panel, most: int) -> Panel:
    """As many trials, from the first, as have room."""
    trials = list(panel.trials)
    while len(trials) > 1 and _size(cut := _with(panel, trials)) > most:
        trials = trials[: max(1, min(len(trials) - 1, len(trials) * most // _size(cut)))]
    return _with(panel, trials)


def _with(panel: Panel, trials: Sequence[tuple[TrialRow, Sequence[Column]]]) -> Panel:
    return Panel(position=panel.position, common=panel.common, trials=trials, num_behind=panel.num_behind)
