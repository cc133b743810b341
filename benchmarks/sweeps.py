"""What a sweep costs beside its training: trials that train nothing, through all that real ones go through.

`python -m benchmarks.sweeps` prints the table: Ray Tune alone, then with our records, schedulers and table. Seconds are
of the driver's processor, so that others on the machine hardly count.
"""

import os
import pty
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro
from ray import tune

from benchmarks.machine import command_line, describe_machine
from sharding.console import markdown_table
from sweeps.cli import SweepOptions, make_sweep
from sweeps.plan import Algorithm, Sweep, SweepDir
from sweeps.records import read_records
from sweeps.resources import Resources
from sweeps.spaces.catalogue import FIXED
from sweeps.trials import trial_config
from sweeps.tune.run import callbacks_of, train
from trainer.presets import DEFAULT, load_preset


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row of the table."""

    algorithm: Algorithm = "random"
    is_ours: bool = True
    """Whether records are kept and a table is shown."""
    is_live: bool = True
    """Whether the output is a terminal."""


CASES = {
    "Ray Tune alone": Case(is_ours=False),
    "random, news line by line": Case(is_live=False),
    "random, a table redrawn": Case(),
    "asha, a table redrawn": Case(algorithm="asha"),
    "tpe, a table redrawn": Case(algorithm="tpe"),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Trials of no cost, through Ray Tune on this machine."""

    trials: tuple[int, ...] = (100, 500)
    """Numbers of trials of the sweeps."""
    reports: int = 8
    """Of each trial."""
    cases: tuple[str, ...] = tuple(CASES)
    """Which rows."""


class FreeTrial(tune.Trainable):
    """Reports as a `sweeps.tune.trial.Trial` does, at once and without ranks. Takes the same arguments."""

    def setup(self, config: dict[str, Any], sweep: Sweep, **others: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.sweep = sweep
        self.reset_config(config)

    def step(self) -> dict[str, Any]:
        self.position += self.sweep.report_period
        quality = 20 + int(self.name) % 7 + self.position / self.sweep.total
        scores = {f"eval/{name}": quality for name in ("ssim", "kid", "fd")}
        return {"position": self.position, self.sweep.metric: quality, **scores}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        return {"position": self.position}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        self.position = (checkpoint or {}).get("position", 0)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.name: str = new_config["trial"]["name"]
        self.position = 0
        return True


def measure(title: str, *, trials: int, reports: int, folder: Path) -> None:
    """Run one sweep in this process, which has begun for it; `figures` in the folder says what it took."""
    case = CASES[title]
    options = SweepOptions(
        config=trial_config(load_preset(DEFAULT)),
        space="l1-skips",
        algorithm=case.algorithm,
        num_trials=trials,
        num_reports=reports,
        metric="eval/psnr",
        name="sweep",
    )
    resources = Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=2)
    sweep = make_sweep(options, FIXED["l1-skips"], preset=DEFAULT, asked={}, resources=resources)
    place = SweepDir(folder / "sweep")
    place.create(sweep)
    records = read_records(place, sweep)
    began_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    train(place, sweep, records, trial=FreeTrial, callbacks=callbacks_of(place, sweep, records) if case.is_ours else [])
    taken_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    if case.is_ours:
        assert all(record.is_ended for record in read_records(place, sweep).values())
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began_kib) / 1024
    (folder / "figures").write_text(f"{taken_s} {cpu_s} {grown_mib}")


@contextmanager
def _output(*, is_live: bool) -> Iterator[int]:
    """A descriptor to print to: a terminal of which all is read, or nothing."""
    if not is_live:
        with Path(os.devnull).open("w") as nothing:
            yield nothing.fileno()
        return
    reader, writer = pty.openpty()
    thread = threading.Thread(target=_read_all, args=(reader,), daemon=True)
    thread.start()
    try:
        yield writer
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)


def _read_all(descriptor: int) -> None:
    with suppress(OSError):  # the other end is closed
        while os.read(descriptor, 65536):
            pass


def _row(title: str, *, trials: int, reports: int) -> list[str]:
    with TemporaryDirectory() as name, _output(is_live=CASES[title].is_live) as output:
        call = f"measure({title!r}, trials={trials}, reports={reports}, folder=Path({name!r}))"
        program = f"from pathlib import Path; from benchmarks.sweeps import measure; {call}"
        subprocess.run([sys.executable, "-c", program], check=True, stdout=output)
        taken_s, cpu_s, grown_mib = map(float, (Path(name) / "figures").read_text().split())
    each_ms = 1000 * cpu_s / trials
    return [title, str(trials), f"{cpu_s:.1f}", f"{each_ms:.0f}", f"{taken_s:.0f}", f"{grown_mib:.0f}"]


def main() -> None:
    options = tyro.cli(Options)
    rows = [_row(title, trials=trials, reports=options.reports) for title in options.cases for trials in options.trials]
    titles = ["sweep", "trials", "driver, CPU s", "CPU ms a trial", "wall s", "memory more, MiB"]
    load = f"Load of the machine: {os.getloadavg()[2]:.1f}."
    print(f"`{command_line('benchmarks.sweeps')}`: {describe_machine('ray', 'optuna')} {load}\n")
    print("\n".join(markdown_table(titles, rows, is_markup=True)))


if __name__ == "__main__":
    main()
