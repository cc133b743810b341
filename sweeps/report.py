"""How a sweep ended: report.json, report.md and results.parquet."""

import json
import textwrap
from dataclasses import asdict
from datetime import UTC, datetime

from sharding.console import command_line, markdown_table, markdown_text, printable
from sharding.storage.files import write_atomically
from sweeps.history import Histories
from sweeps.plan import Sweep, SweepDir
from sweeps.results import write_results
from sweeps.rows import TrialRow, best_of
from sweeps.spaces.overrides import as_flags
from sweeps.table import describe_state, metric_name, short_names, show_value
from sweeps.trials import full_overrides, length_note


def full_command(sweep: Sweep, best: TrialRow) -> str:
    """The command that trains the best trial's configuration, without what made trials small."""
    return command_line("diptych", "train", sweep.preset, *as_flags(full_overrides(sweep, best.overrides)))


def write_report(folder: SweepDir, sweep: Sweep, rows: list[TrialRow]) -> None:
    """Write report.json, report.md and results.parquet."""
    best = best_of(rows)
    report = {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "preset": sweep.preset,
        "space": sweep.space,
        "metric": sweep.metric,
        "better": sweep.score.better,
        "total_images": sweep.total,
        "best": best and {"trial": best.trial, "overrides": best.overrides, "command": full_command(sweep, best)},
        "trials": [asdict(row) | {"run": str(folder.run(row.trial).path.relative_to(folder.path))} for row in rows],
    }
    write_atomically(folder.report_json, json.dumps(report, indent=1, allow_nan=False).encode())
    write_atomically(folder.report_markdown, printable(_markdown(folder, sweep, rows)).encode())
    write_results(folder, sweep, Histories(folder).of(rows))


def _markdown(folder: SweepDir, sweep: Sweep, rows: list[TrialRow]) -> str:
    names = ["trial", *short_names(sweep.search_space.domains).values(), "kimg", metric_name(sweep), "state"]
    lines = [f"# Sweep {markdown_text(folder.path.name)}", ""]
    preset, space, metric = map(markdown_text, (sweep.preset, sweep.space, sweep.metric))
    direction = " (less is better)" if sweep.score.better == "lower" else ""
    lines += [f"Preset {preset}, space {space}, furthest and best validation {metric}{direction} first.", ""]
    lines += markdown_table(names, [_cells(row, sweep) for row in rows])
    lines += ["\n" + markdown_text(f"Trial {row.trial} failed: {row.error}") for row in rows if row.error]
    best = best_of(rows)
    if best is not None:
        command = textwrap.indent(printable(full_command(sweep, best)), "    ")
        lines += ["", f"Train the best, {markdown_text(best.trial)}, in full:", "", command]
        lines += ["\n" + markdown_text(note) for note in [length_note(sweep)] if note]
    return "\n".join(lines) + "\n"


def _cells(row: TrialRow, sweep: Sweep) -> list[str]:
    values = [show_value(row.overrides.get(path)) for path in sweep.search_space.domains]
    return [row.trial, *values, f"{row.position / 1000:.2f}", sweep.score.show(row.score), describe_state(row)]
