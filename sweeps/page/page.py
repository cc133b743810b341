"""Writes sweep.html: what varied, what came of it, and what each trial draws, on one page that needs no network."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sharding.console import command_line, counted
from sharding.storage.files import write_atomically
from sweeps.history import Histories, History
from sweeps.page.plots import budget, curves, dot_at, front, line_of, parallel, slices
from sweeps.page.wall import Wall
from sweeps.plan import Sweep, SweepDir
from sweeps.report import full_command
from sweeps.rows import TrialRow, winners
from sweeps.search.importance import FEW, Importance, find_importance
from sweeps.table import describe_state, short_names, show_overrides, show_scores, show_value
from trainer.reports.charts import HEIGHT, WIDTH
from trainer.reports.page import Tile, find_template


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A trial on the page."""

    history: History
    link: str
    """To its run, from the page."""
    values: Sequence[str]
    changes: str
    scores: Sequence[str]
    state: str
    seconds: str
    command: str
    """That trains it in full."""
    tone: int
    """Per cent: the best trial has 100, the worst 0, by the order of the table."""
    is_best: bool

    @property
    def row(self) -> TrialRow:
        return self.history.row

    def score_at(self, position: int, sweep: Sweep) -> str:
        """The sweep's score at the last report up to so many images."""
        scores = [score for there, score in self.history.curve(sweep.metric) if there <= position]
        return sweep.score.show(scores[-1] if scores else None)


class SweepPage:
    """The page of one sweep. Files that have not changed are not read again when it is written anew."""

    def __init__(self, folder: SweepDir, sweep: Sweep) -> None:
        self._folder = folder
        self._sweep = sweep
        self._histories = Histories(folder)
        self._wall = Wall(folder, sweep)

    def write(self, rows: Sequence[TrialRow]) -> None:
        """Write sweep.html. Args: rows: all trials, the best first."""
        write_atomically(self._folder.page, self.render(rows).encode())

    def render(self, rows: Sequence[TrialRow]) -> str:
        """The page's text. Args: as of `write`."""
        sweep = self._sweep
        histories = self._histories.of(rows)
        begun = [row for row in rows if row.position and row.overrides]
        best = winners([*rows], sweep)
        importance = find_importance(rows, sweep)
        panels, notes = self._wall.panels(rows)
        return find_template("sweep.html", folder=Path(__file__).parent).render(
            name=self._folder.path.name,
            sweep=sweep,
            objectives=list(sweep.objectives.values()),
            written=datetime.now(UTC).strftime("%d %B %Y, %H:%M %Z"),
            num_open=sum(row.is_open for row in rows),
            command=command_line(*sweep.command),
            tiles=_tiles(rows, histories, sweep, best),
            best=best,
            fields=short_names(sweep.search_space.domains),
            trials={shown.row.trial: shown for shown in self._trials(histories, best)},
            parallel=parallel(begun, sweep) if begun else None,
            importance=importance,
            about_importance=_about(importance),
            charts=curves(histories, sweep),
            steps=budget(histories, sweep, spent=_spent(rows)),
            slices=slices(begun, sweep) if begun else [],
            front=front(begun, sweep, best),
            panels=panels,
            notes=notes,
            size=(WIDTH, HEIGHT),
            line_of=line_of,
            dot_at=dot_at,
        )

    def _trials(self, histories: Sequence[History], best: Sequence[TrialRow]) -> list[Shown]:
        sweep = self._sweep
        rows = [history.row for history in histories]
        num_valid = sum(row.is_valid and row.score is not None for row in rows)
        return [
            Shown(
                history=history,
                link=self._link(history.row),
                values=[show_value(history.row.overrides.get(path)) for path in sweep.search_space.domains],
                changes=show_overrides(history.row.overrides, sweep),
                scores=show_scores(history.row, sweep),
                state=describe_state(history.row),
                seconds="" if history.seconds is None else str(timedelta(seconds=round(history.seconds))),
                command=full_command(sweep, history.row),
                tone=max(0, round(100 * (num_valid - place) / max(1, num_valid))),
                is_best=history.row in best,
            )
            for place, history in enumerate(histories)
        ]

    def _link(self, row: TrialRow) -> str:
        run = self._folder.run(row.trial)
        target = run.report_file if run.report_file.is_file() else run.path
        return target.relative_to(self._folder.path).as_posix()


def _spent(rows: Sequence[TrialRow]) -> int:
    return sum(row.position for row in rows)


def _tiles(
    rows: Sequence[TrialRow], histories: Sequence[History], sweep: Sweep, best: Sequence[TrialRow]
) -> list[Tile]:
    states = Counter(row.state for row in rows)
    spent, whole = _spent(rows) / 1000, len(rows) * sweep.total / 1000
    took = timedelta(seconds=round(sum(history.seconds or 0.0 for history in histories)))
    counts = ", ".join(f"{num} {state}" for state, num in states.items())
    tiles = [Tile(label="trials", value=str(len(rows)), note=counts)]
    for key, score in sweep.objectives.items():
        for row in sorted(best, key=lambda row: -score.gain(row.scores[key]))[:1]:
            tiles.append(Tile(label=score.heading, value=score.show(row.scores[key]), note=f"trial {row.trial}"))
    share = f"{100 * spent / whole:.0f} % of {whole:.4g}, if all ran to their end" if whole else ""
    tiles.append(Tile(label="kimg spent", value=f"{spent:.4g}", note=share))
    return [*tiles, Tile(label="time of all trials", value=str(took))]


def _about(importance: Importance | None) -> str:
    if importance is None:
        return "Needs four trials that have ended, of different values."
    text = (
        f"Rests on {counted(importance.num_trials, 'trial')}: the values of the best {importance.num_good} against "
        "those of all (PED-ANOVA). It says which fields set the good ones apart; in which direction, the slices say."
    )
    if importance.num_trials < FEW:
        text += f" Of fewer than {FEW} trials chance decides much: take it as a hint, and try more."
    return text
