"""How the trials of a sweep are shown: the table on the console, and the words of which all reports are made."""

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from sweeps.plan import Sweep
from sweeps.rows import TrialRow
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


def make_table(rows: Iterable[TrialRow], sweep: Sweep, *, title: str) -> Table:
    """Rows for the console."""
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD)
    paths = sweep.search_space.domains
    names = short_names(paths)
    for name in ("trial", *(names.values() if len(names) <= _MOST_COLUMNS else ("changes",))):
        table.add_column(name, no_wrap=name != "changes")
    for name in ("kimg", metric_name(sweep)):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("")
    for row in rows:
        values = [show_value(row.overrides.get(path)) for path in paths]
        table.add_row(
            row.trial,
            *map(Text, values if len(names) <= _MOST_COLUMNS else [show_overrides(row.overrides, sweep)]),
            f"{row.position / 1000:.3g}",
            sweep.score.show(row.score),
            Text(describe_state(row), style=_STYLES[row.state]),
        )
    return table


def describe_state(row: TrialRow) -> str:
    """The state, and how often the trial had to be started again."""
    times = "once" if row.num_restarts == 1 else f"{row.num_restarts} times"
    return f"{row.state}, restarted {times}" if row.num_restarts else row.state


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


def short_name(path: str) -> str:
    """`method.weight_l1` -> `weight_l1`."""
    return path.rpartition(".")[2]


def metric_name(sweep: Sweep) -> str:
    return sweep.metric.removeprefix("eval/")
