"""Figures of a run as people read them: how long it took, on what, and what it used."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Any

from trainer.reports.charts import is_number
from trainer.runs.machine import MACHINES_KEY

_LONGEST_S = 10**9
_MOST_MACHINES = 20
_PROCESSOR = "time/processor_s"

Rows = list[tuple[str, str]]
"""Of a table with a name and a value in each."""


def numbers(metrics: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """The values of a key, of the lines that have a number there."""
    return [line[key] for line in metrics if is_number(line.get(key))]


def show_duration(seconds: float) -> str:
    """h:mm:ss."""
    return str(timedelta(seconds=min(max(0, round(seconds)), _LONGEST_S)))


def show_bytes(number: float) -> str:
    """Three digits of B, kB, MB, GB or TB, which are powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def cost(metrics: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> Rows:
    """What the run took, as far as it was measured; nothing is estimated."""
    rows = [("trained on", machine) for machine in record.get(MACHINES_KEY, [])[:_MOST_MACHINES]]
    if times := numbers(metrics, "time_s"):
        rows.append(("time, with scores and checkpoints", show_duration(max(times))))
    if speeds := numbers(metrics, "throughput/images_per_s"):
        rows.append(("speed of training", f"{median(speeds):.3g} images/s, the median of {len(speeds)} lines"))
    if spent := processor_seconds(metrics):
        rows.append(("processor time of all ranks", f"{show_duration(spent)}, {spent:,.0f} s"))
    if peak := max(numbers(metrics, "memory/process_gib"), default=0.0):
        rows.append(("memory of the main rank's process, at most", f"{peak:.3g} GiB"))
    if peak := max(numbers(metrics, "memory/gpu_peak_gib"), default=0.0):
        rows.append(("memory of its GPU, at most", f"{peak:.3g} GiB"))
    if flops := numbers(metrics, "compute/gflops_per_image"):
        rows.append(("arithmetic of an image", f"{flops[-1]:.3g} GFLOP"))
    return rows


def processor_seconds(metrics: Sequence[Mapping[str, Any]]) -> float:
    """Over all lines: seconds an image, times the images since the line before. 0 where it was not measured."""
    total, before = 0.0, 0
    for line in metrics:
        if is_number(line.get(_PROCESSOR)):
            total += line[_PROCESSOR] * max(0, line["position"] - before)
            before = line["position"]
    return min(total, _LONGEST_S)
