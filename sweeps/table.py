"""How the trials of a sweep are shown: the table on the console, and the words of which all reports are made."""

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from sweeps.plan import Sweep
from sweeps.rows import TrialRow, pareto_front
from sweeps.spaces.overrides import Overrides

_STYLES = {
    "finished": "green",
    "training": "cyan",
    "stopped early": "yellow",
    "diverged": "red",
    "failed": "red",
    "waiting": "dim",
}


_MOST_COLUMNS = 6
"""Of values on the console; more are put into one that wraps."""


def make_table(rows: list[TrialRow], sweep: Sweep, *, title: str) -> Table:
    """Rows for the console."""
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    paths = sweep.search_space.domains
    names = short_names(paths)
    for name in ("trial", *(names.values() if len(names) <= _MOST_COLUMNS else ("changes",))):
        table.add_column(name, no_wrap=name != "changes")
    for name in ("kimg", *score_names(sweep)):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("")
    front = front_names(rows, sweep)
    for row in rows:
        values = [show_value(row.overrides.get(path)) for path in paths]
        table.add_row(
            row.trial,
            *map(Text, values if len(names) <= _MOST_COLUMNS else [show_overrides(row.overrides, sweep)]),
            f"{row.position / 1000:.3g}",
            *show_scores(row, sweep),
            Text(describe_state(row, in_front=row.trial in front), style=_STYLES[row.state]),
        )
    return table


def describe_state(row: TrialRow, *, in_front: bool = False) -> str:
    """The state, how often the trial had to be started again, and whether it is on the Pareto front."""
    times = "once" if row.num_restarts == 1 else f"{row.num_restarts} times"
    restarts = f", restarted {times}" if row.num_restarts else ""
    return f"{row.state}{restarts}{', front' if in_front else ''}"


def front_names(rows: list[TrialRow], sweep: Sweep) -> set[str]:
    """The trials that are marked as on the Pareto front: none where one score decides."""
    return set() if sweep.second_metric is None else {row.trial for row in pareto_front(rows, sweep)}


def show_value(value: object) -> str:
    """Four digits of a number are enough to tell trials apart; report.json has all."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_overrides(overrides: Overrides, sweep: Sweep) -> str:
    """What a trial changes, in one line."""
    names = short_names(sweep.search_space.domains)
    return "  ".join(f"{names[path]} {show_value(value)}" for path, value in overrides.items())


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """The last parts of paths, as many as tell them apart: `method.weight_l1` -> `weight_l1`, but `generator.norm` and
    `discriminator.norm` where both vary."""
    paths = list(paths)
    names: dict[str, str] = {}
    for path in paths:
        parts = path.split(".")
        ends = [".".join(parts[-num:]) for num in range(1, len(parts) + 1)]
        names[path] = next(
            end for end in ends if sum(f".{other}".endswith(f".{end}") for other in paths) == 1 or end == path
        )
    return names


def score_names(sweep: Sweep) -> list[str]:
    """Of the one or two scores that decide, without the encoder where that tells them apart."""
    names = [key.removeprefix("eval/") for key in sweep.objectives]
    short = [name.partition("/")[0] for name in names]
    return short if len(set(short)) == len(names) else names


def show_scores(row: TrialRow, sweep: Sweep) -> list[str]:
    """A trial's values of these."""
    return [score.show(row.scores.get(key)) for key, score in sweep.objectives.items()]
