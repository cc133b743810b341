"""How long a trainer waits for its loader: for the first batch, and in each step."""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.table import median_and_range
from benchmarks.work import Work, open_loader
from sharding.console import markdown_table

PRESET = "earth-relief2satellite"


def first_batch(work: Work, *, rounds: int) -> list[str]:
    """The Markdown table: seconds to the first batch, the files being in the page cache."""
    within = [_seconds_within(work) for _ in range(rounds + 1)][1:]  # the first imports what DALI needs
    program = (  # which ends at once: DALI's and torch's own ends are no part of a start
        "import os; from pathlib import Path; from benchmarks.work import Work, open_loader;"
        f" next(open_loader({work!r})); os._exit(0)"
    ).replace("PosixPath(", "Path(")
    whole, imports = [], []
    for _ in range(rounds):
        whole.append(_seconds_of(program))
        imports.append(_seconds_of("import os, torch, nvidia.dali.fn, nvidia.dali.plugin.pytorch; os._exit(0)"))
    rows = [
        ["in a process that has imported torch and DALI", median_and_range(within, digits=2)],
        ["in a new process, from its start", median_and_range(whole, digits=2)],
        ["of that, imports of torch and DALI", median_and_range(imports, digits=2)],
    ]
    return markdown_table(["first batch", "seconds"], rows, is_markup=True)


def _seconds_within(work: Work) -> float:
    start = time.perf_counter()
    loader = open_loader(work)
    next(loader)
    elapsed = time.perf_counter() - start
    loader.close()
    return elapsed


def _seconds_of(program: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - start


def loader_wait(data: Path, folder: Path, *, num_images: int) -> list[str]:
    """Sentences: which part of the default preset's step is waiting, from the metrics of a short run of it."""
    options = {
        "--name": folder,
        "--data.path": data,
        "--train.total-kimg": num_images / 1000,
        "--log.period-kimg": num_images / 4000,
        "--log.wandb": "disabled",
    }
    arguments = [str(part) for option in options.items() for part in option]
    run = [sys.executable, "-m", "launch.cli", "train", PRESET, *arguments]
    subprocess.run(run, check=True, capture_output=True)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    later = [line for line in lines if "time/data_s" in line][1:]  # without what the start costs
    waits = [line["time/data_s"] * line["throughput/images_per_s"] for line in later]
    step_ms = 1000 * median(4 / line["throughput/images_per_s"] for line in later)
    share = median_and_range([100 * wait for wait in waits], digits=2)
    return [
        f"`{PRESET}`, {num_images} images, the first quarter left out: a step of 4 images takes {step_ms:.0f} ms, of"
        f" which the loader is waited for {share} %."
    ]
