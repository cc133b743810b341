"""How a sweep ended: report.json, report.md and results.parquet."""

import json
import textwrap
from dataclasses import asdict
from datetime import UTC, datetime

from sharding.console import command_line, markdown_table, markdown_text, printable
from sharding.storage.files import write_atomically
from sweeps.history import Histories
from sweeps.lineage import lineage, lineage_lines
from sweeps.plan import Sweep, SweepDir
from sweeps.results import write_results
from sweeps.rows import TrialRow, best_of, winners
from sweeps.spaces.overrides import as_flags
from sweeps.table import describe_state, front_names, score_names, short_names, show_scores, show_value
from sweeps.trials import full_overrides, length_note


def full_command(sweep: Sweep, best: TrialRow) -> str:
    """The command that trains the best trial's configuration, without what made trials small."""
    return command_line("diptych", "train", sweep.preset, *as_flags(full_overrides(sweep, best.overrides)))


def write_report(folder: SweepDir, sweep: Sweep, rows: list[TrialRow]) -> None:
    """Write report.json, report.md and results.parquet."""
    best = [
        {"trial": row.trial, "overrides": row.overrides, "command": full_command(sweep, row)}
        for row in winners(rows, sweep)
    ]
    two = {} if sweep.second_metric is None else {"second_metric": sweep.second_metric}
    report = {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "preset": sweep.preset,
        "space": sweep.space,
        "metric": sweep.metric,
        "better": sweep.score.better,
        **two,
        "total_images": sweep.total,
        "best": best if two else next(iter(best), None),
        **lineage(folder, sweep, best_of(rows)),
        "trials": [asdict(row) | {"run": str(folder.run(row.trial).path.relative_to(folder.path))} for row in rows],
    }
    write_atomically(folder.report_json, json.dumps(report, indent=1, allow_nan=False).encode())
    write_atomically(folder.report_markdown, printable(_markdown(folder, sweep, rows)).encode())
    write_results(folder, sweep, Histories(folder).of(rows))


def _markdown(folder: SweepDir, sweep: Sweep, rows: list[TrialRow]) -> str:
    names = ["trial", *short_names(sweep.search_space.domains).values(), "kimg", *score_names(sweep), "state"]
    lines = [f"# Sweep {markdown_text(folder.path.name)}", ""]
    lines += [f"Preset {markdown_text(sweep.preset)}, space {markdown_text(sweep.space)}, {_order(sweep)}", ""]
    front = front_names(rows, sweep)
    lines += markdown_table(names, [_cells(row, sweep, in_front=row.trial in front) for row in rows])
    lines += ["\n" + markdown_text(f"Trial {row.trial} failed: {row.error}") for row in rows if row.error]
    best = winners(rows, sweep)
    lines += lineage_lines(folder, sweep, best_of(rows))
    for row in best:
        command = textwrap.indent(printable(full_command(sweep, row)), "    ")
        which = "one of the best" if sweep.second_metric else "the best"
        lines += ["", f"Train {which}, {markdown_text(row.trial)}, in full:", "", command]
    lines += ["\n" + markdown_text(note) for note in [length_note(sweep)] if note and best]
    return "\n".join(lines) + "\n"


def _order(sweep: Sweep) -> str:
    names = [
        markdown_text(key) + (" (less is better)" if score.better == "lower" else "")
        for key, score in sweep.objectives.items()
    ]
    if len(names) == 1:
        return f"furthest and best validation {names[0]} first."
    return f"the Pareto front first: the trials that no other beats in both validation {' and '.join(names)}."


def _cells(row: TrialRow, sweep: Sweep, *, in_front: bool) -> list[str]:
    values = [show_value(row.overrides.get(path)) for path in sweep.search_space.domains]
    return [
        row.trial,
        *values,
        f"{row.position / 1000:.2f}",
        *show_scores(row, sweep),
        describe_state(row, in_front=in_front),
    ]
