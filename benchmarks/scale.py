"""`make bench-scale`: what more ranks cost and bring on this machine, in ratios of one run; see benchmarks/scale.md."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from benchmarks.cases import CASES, Case
from benchmarks.engines import FLOAT32, make_engine
from benchmarks.groups import Group, Step
from benchmarks.machine import command_line, describe_machine
from benchmarks.ranks import compare_with_ddp
from benchmarks.saving import TITLES, saving_rows
from benchmarks.table import median_and_range, ratios
from benchmarks.traffic import STAGES, count_traffic, measure_wire
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
    """The data set of the default preset, for starts; they are left out without it."""
    out: Path = OUT
    """The report."""


def one_process(world: World) -> dict[str, Step]:
    """The whole batch on one rank."""
    return _step(_GLOBAL, world)


def two_processes(world: World) -> dict[str, Step]:
    """Half of it on each of two."""
    return _step(replace(_GLOBAL, batch_size=_GLOBAL.batch_size // 2), world)


def _step(case: Case, world: World) -> dict[str, Step]:
    engine, batch = make_engine(case, FLOAT32, world), case.batch(world.device)
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


def time_engine(options: Options) -> list[str]:
    """Two ranks under the engine, at each stage of ZeRO, against torch's DDP around the same networks."""
    table = compare_with_ddp(num_rounds=options.rounds, num_steps=options.steps)
    title = f"## The engine against plain DDP: 2 ranks, {CASES[0].title}, float32"
    return [title, "", *table, "", "Target: 0.95 at ZeRO 0."]


def time_saving(options: Options) -> list[str]:
    """What a checkpoint costs."""
    table = markdown_table(list(TITLES), saving_rows(options.rounds, 2 * options.steps), is_markup=True)
    return ["## Saving, networks of the default preset", "", *table, "", f"Target: {100 * _SAVING_SHARE:.0f} %."]


def count_bytes(options: Options) -> list[str]:
    """What one of two ranks sends in a step, and one of 128 would."""
    case, rows = CASES[0], []
    for stage in STAGES:
        of_two = count_traffic(case, stage=stage, precision="fp32", num_ranks=2)
        of_many = count_traffic(case, stage=stage, precision="fp32", num_ranks=128)
        wire = measure_wire(case, stage=stage, precision="fp32")
        sent = (f"{number / 1e6:.1f}" for number in (of_two.sent(2), wire, of_many.sent(128)))
        rows.append([str(stage), *sent])
    titles = ["ZeRO stage", "counted, 2 ranks", "on the wire, 2 ranks", "counted, 128 ranks"]
    return [f"## MB that a rank sends in a step: {case.title}, float32", "", *markdown_table(titles, rows)]


def time_launch(options: Options) -> list[str]:
    """From `diptych launch` to the first step."""
    if not options.data.is_dir():
        return [f"`{options.data}` is not there: `make shard` makes it. Starts were not timed."]
    rows = [[f"{number} rank(s)", f"{_seconds_to_first_step(options, number):.1f}"] for number in ("1", "2")]
    table = markdown_table(["`diptych launch`", "s to the first step"], rows)
    return ["## Start, default preset", "", *table, "", f"Target: {_FIRST_STEP_S:.0f} s."]


def _seconds_to_first_step(options: Options, num_procs: str) -> float:
    """From the call of `diptych launch`; the picture of the first step is drawn right behind it."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--data.path", str(options.data), "--runs", folder, "--name", "run", "--num-procs", num_procs]
        short = ["--train.total-kimg", "0.1", "--log.wandb", "disabled"]
        began = time.time()
        command = [str(Path(sys.executable).parent / "diptych"), "launch", *flags, *short]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        samples = Path(folder) / "run" / "samples"
        return min(path.stat().st_mtime for path in samples.iterdir()) - began


def run(options: Options) -> str:
    """Measure all of it; the report as Markdown."""
    head = [
        "# Scale",
        "",
        describe_machine("torch", "deepspeed"),
        "",
        f"Command: `{command_line('benchmarks.scale')}`.",
    ]
    report = "\n".join(head) + "\n"
    for measure in (time_processes, time_engine, time_saving, time_launch, count_bytes):
        part = "\n".join(measure(options)) + "\n"
        print(part, flush=True)
        report += "\n" + part
    options.out.write_text(report)
    return report


if __name__ == "__main__":
    run(tyro.cli(Options))
