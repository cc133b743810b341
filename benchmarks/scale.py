"""`make bench-scale`: what more ranks cost and bring on this machine, in ratios of one run; see benchmarks/scale.md."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from benchmarks.groups import Group, Step
from benchmarks.machine import command_line, describe_machine
from benchmarks.step import CASES, Case
from benchmarks.table import median_and_range, ratios
from benchmarks.traffic import STAGES, count_traffic, make_engine, measure_wire
from sharding.console import markdown_table
from trainer.ranks.world import World

OUT = Path(__file__).parent / "scale.md"
_GLOBAL = replace(CASES[0], batch_size=8, title="128 px, ngf 32, global batch 8")
_FIRST_STEP_S = 20.0
_SAVING_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class Options:
    """Ratios of one run on this machine."""

    rounds: int = 7
    """Turns of each variant."""
    steps: int = 4
    """Of a turn."""
    data: Path = Path("data/earth-128")
    """The data set of the default preset, for the parts that start whole runs; they are left out without it."""
    out: Path = OUT
    """The report."""


def one_process(world: World) -> dict[str, Step]:
    """The whole batch on one rank."""
    return _step(_GLOBAL, world)


def two_processes(world: World) -> dict[str, Step]:
    """Half of it on each of two."""
    return _step(replace(_GLOBAL, batch_size=_GLOBAL.batch_size // 2), world)


def _step(case: Case, world: World) -> dict[str, Step]:
    engine, batch = make_engine(case, 0, "fp32", world), case.batch(world.device)
    return {"step": lambda: engine.train_step(batch, step=0)}


def time_processes(options: Options) -> list[str]:
    """One process with two threads against two with one, at the same global batch."""
    seconds: dict[str, list[float]] = {"1 process x 2 threads": [], "2 processes x 1 thread": []}
    one, two = seconds.values()
    with (
        Group(one_process, num_ranks=1, num_threads=2) as whole,
        Group(two_processes, num_ranks=2, num_threads=1) as halves,
    ):
        for turn in range(options.rounds + 1):
            for group, found in ((whole, one), (halves, two)):
                taken = group.time("step", options.steps)
                if turn > 0:  # the first warms up
                    found.append(taken)
    rows = [[name, median_and_range(values, digits=3), ratios(one, values)] for name, values in seconds.items()]
    title = f"## Processes against threads: {_GLOBAL.title}, float32"
    return [title, "", *markdown_table(["variant", "s/step", "speed"], rows, is_markup=True), "", "Target: 0.9."]


def count_bytes(options: Options) -> list[str]:
    """What one of two ranks sends in a step, and one of 128 would."""
    case, rows = CASES[0], []
    for precision in ("fp32", "bf16"):
        for stage in STAGES:
            of_two = count_traffic(case, stage=stage, precision=precision, num_ranks=2)
            of_many = count_traffic(case, stage=stage, precision=precision, num_ranks=128)
            wire = measure_wire(case, stage=stage, precision=precision)
            sent = (f"{number / 1e6:.1f}" for number in (of_two.sent(2), wire, of_many.sent(128)))
            rows.append([f"{stage}, {precision}", *sent])
    titles = ["ZeRO stage", "counted, 2 ranks", "on the wire, 2 ranks", "counted, 128 ranks"]
    return [f"## MB that a rank sends in a step: {case.title}", "", *markdown_table(titles, rows)]


def time_launch(options: Options) -> list[str]:
    """From `diptych launch` to the first step, and how much of a run is saving."""
    if not options.data.is_dir():
        return [f"`{options.data}` is not there: `make shard` makes it. Starts and saving were not timed."]
    with _trained(options, "1") as run, _trained(options, "2") as run2:
        first = [_first_step(one) for one in (run, run2)]
        stall, total = _saving(run)
    rows = [[f"{number} rank(s)", f"{seconds:.1f}"] for number, seconds in zip((1, 2), first, strict=True)]
    return [
        "## Start and saving, default preset",
        "",
        *markdown_table(["`diptych launch`", "s to the first step"], rows),
        "",
        f"Target: {_FIRST_STEP_S:.0f} s. A checkpoint stalls training for {stall:.2f} s; at the preset's interval of "
        f"{total:.0f} s that is {100 * stall / total:.2f} % of the time (target {100 * _SAVING_SHARE:.0f} %).",
    ]


@contextmanager
def _trained(options: Options, num_procs: str) -> Iterator[tuple[float, Path]]:
    """When `diptych launch` was called, and the run that it made."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--data.path", str(options.data), "--runs", folder, "--name", "run", "--num-procs", num_procs]
        short = ["--train.total-kimg", "0.4", "--log.wandb", "disabled", "--checkpoint.period-kimg", "0.1"]
        began = time.time()
        command = [str(Path(sys.executable).parent / "diptych"), "launch", *flags, *short]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield began, Path(folder) / "run"


def _first_step(run: tuple[float, Path]) -> float:
    """The picture of the first step is drawn right behind it."""
    began, folder = run
    return min(path.stat().st_mtime for path in (folder / "samples").iterdir()) - began


def _saving(run: tuple[float, Path]) -> tuple[float, float]:
    """Seconds that training waits for a checkpoint; seconds between two at the preset's interval."""
    from trainer.presets import DEFAULT, load_preset

    lines = [json.loads(line) for line in (run[1] / "metrics.jsonl").read_text().splitlines()]
    stalls = [line["time/save_stall_s"] for line in lines if "time/save_stall_s" in line]
    speed = statistics.median(line["throughput/images_per_s"] for line in lines if "throughput/images_per_s" in line)
    return statistics.median(stalls), 1000 * load_preset(DEFAULT).checkpoint.period_kimg / speed


def run(options: Options) -> str:
    """Measure all of it; the report as Markdown."""
    parts: Sequence[Sequence[str]] = (time_processes(options), count_bytes(options), time_launch(options))
    head = [
        "# Scale",
        "",
        describe_machine("torch", "deepspeed"),
        "",
        f"Command: `{command_line('benchmarks.scale')}`.",
    ]
    report = "\n".join([*head, *(line for part in parts for line in ["", *part])]) + "\n"
    options.out.write_text(report)
    return report


if __name__ == "__main__":
    print(run(tyro.cli(Options)))
