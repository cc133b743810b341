"""What was found in a data set, as text: a line for each view and split, then what is wrong and what to look at."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from sharding.console import PlainConsole, one_line
from sharding.examining.found import ClassesFound, Found, ViewFound
from sharding.examining.judge import Finding
from sharding.examining.summed import SHARP

_MOST_NAMES = 3
_MOST_LABELS = 12


def print_found(console: PlainConsole, found: Found, findings: Sequence[Finding]) -> None:
    """Print all: figures first."""
    console.print(views_table(found))
    for line in _figures(found):
        console.print(one_line(line), style="dim")
    for finding in findings:
        mark, style = ("wrong:", "red") if finding.is_wrong else ("look:", "yellow")
        console.print(f"{mark} {one_line(finding.text)}", style=style)
        for name in finding.samples[:_MOST_NAMES]:
            console.print(f"    {one_line(name)}")
        if (more := len(finding.samples) - _MOST_NAMES) > 0:
            console.print(f"    and {more} more of those named in --json")


def views_table(found: Found) -> Table:
    """One line for each view."""
    splits = list(found.splits)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("view", *splits, "pixels", "values", "of range", "brightness", "contrast"):
        table.add_column(title, no_wrap=True)
    for name, view in found.views.items():
        counts = [str(found.splits[split].get(name, 0)) for split in splits]
        table.add_row(name, *counts, *_cells(view))
    return table


def _cells(view: ViewFound) -> tuple[str, ...]:
    low, high = view.value_range
    least, most, narrow, wide = view.sizes
    heights = f"{least}" if least == most else f"{least}-{most}"
    widths = f"{narrow}" if narrow == wide else f"{narrow}-{wide}"
    values = f"{view.low:g} to {view.high:g}"
    return f"{heights} x {widths}", values, f"{low:g} to {high:g}", f"{view.mean:.0f}", f"{view.spread:.0f}"


def _figures(found: Found) -> list[str]:
    lines = []
    for pair in found.pairs:
        told = pair.common_sharpness >= SHARP
        place = f"{pair.common_down:+g} down, {pair.common_right:+g} right" if told else "not told by their edges"
        colours = "" if pair.red_blue is None else f"; red less blue correlate {pair.red_blue:+.2f}"
        lines.append(f"{pair.second} on {pair.first}: common shift {place}{colours}")
    lines += [f"{view}: {_shares(classes)}" for view, classes in found.classes.items()]
    for label, splits in found.labels.items():
        for split, counts in splits.items():
            shown = [f"{name} {number}" for name, number in list(counts.items())[:_MOST_LABELS]]
            more = ", ..." if len(counts) > _MOST_LABELS else ""
            lines.append(f"{label} in {split}: {', '.join(shown)}{more}")
    return lines


def _shares(classes: ClassesFound) -> str:
    shares = sorted(classes.shares.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {share:.1%}" for name, share in shares[:_MOST_LABELS])
    return f"{shown}{', ...' if len(shares) > _MOST_LABELS else ''}; of no class {classes.none:.1%}"
