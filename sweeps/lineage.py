"""How a report tells of population-based training: who took over from whom, and what the best was trained with."""

from dataclasses import asdict
from typing import Any

from sharding.console import markdown_table, markdown_text
from sweeps.plan import Sweep, SweepDir
from sweeps.population import planned_values, read_population
from sweeps.rows import TrialRow
from sweeps.spaces.overrides import Overrides
from sweeps.table import short_names, show_value


def lineage(folder: SweepDir, sweep: Sweep, best: TrialRow | None) -> dict[str, Any]:
    """Entries of report.json: `exploits`, and of the best its `schedule`. Empty for other algorithms.

    Raises: as `read_population`.
    """
    if sweep.algorithm != "pbt":
        return {}
    population = read_population(folder, sweep)
    schedule = [] if best is None else population.schedule(best.trial, planned_values(sweep))
    return {
        "exploits": [asdict(exploit) for exploit in population.exploits],
        "schedule": [{"position": position, "values": dict(values)} for position, values in schedule],
    }


def lineage_lines(folder: SweepDir, sweep: Sweep, best: TrialRow | None) -> list[str]:
    """The same in Markdown."""
    found = lineage(folder, sweep, best)
    if not found:
        return []
    names = list(short_names(sweep.search_space.domains).values())
    rows = [
        [f"{entry['position'] / 1000:.4g}", entry["trial"], entry["donor"], *_cells(entry["values"], sweep)]
        for entry in found["exploits"]
    ]
    lines = ["", "Who took over whose weights, and with which values since:", ""]
    lines += markdown_table(["kimg", "trial", "from", *names], rows) if rows else ["Nobody."]
    if best is not None:
        steps = [[f"{entry['position'] / 1000:.4g}", *_cells(entry["values"], sweep)] for entry in found["schedule"]]
        lines += ["", f"What the weights of the best, {markdown_text(best.trial)}, were trained with:", ""]
        lines += markdown_table(["from kimg", *names], steps)
    return lines


def _cells(values: Overrides, sweep: Sweep) -> list[str]:
    return [show_value(values.get(path)) for path in sweep.search_space.domains]
