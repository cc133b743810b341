"""Runs a sweep: Ray on this machine, Tune over it, the report at the end."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.search.basic_variant import BasicVariantGenerator
from rich.console import Console

from sharding.console import command_line, make_console
from sharding.storage.files import open_to_append
from sweeps.asha import RememberingAsha
from sweeps.live import LiveTable
from sweeps.plan import Sweep, SweepDir
from sweeps.report import best_of, describe_state, full_command, make_rows, make_table, write_report
from sweeps.trial import Trial, placement

INTERRUPTED = 128 + signal.SIGTERM
"""Exit status of a sweep that was told to stop."""

_MAX_FAILURES = 2
_START_ATTEMPTS = 3
"""Ray gives itself 30 s to come up, which are too few on a machine that is busy already."""
_OBJECT_STORE_BYTES = 80 * 2**20
"""Near Ray's minimum: trials pass figures around, never images or weights."""

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # which prints tables of its own, however quiet it is asked to be
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # runs write metrics.jsonl; Tune's files lose lines at restarts
    "TUNE_GLOBAL_CHECKPOINT_S": "1",  # else a killed sweep begins its trials anew
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}


def run_sweep(folder: SweepDir, sweep: Sweep, *, resume: bool) -> int:
    """Run all trials, or those that are left, and write the report. Returns the exit status."""
    console = make_console()
    console.print(f"sweep: {_shown(folder.path)}\n{_describe(sweep)}")
    os.environ.update(_ENVIRONMENT)
    try:
        # Ray prints to standard output whenever a process dies, in the middle of the table.
        with open_to_append(folder.ray_log) as log, redirect_stdout(log), _local_ray(sweep):
            _tune(folder, sweep, resume=resume)
    except KeyboardInterrupt:  # before Tune began to listen to signals
        return _interrupted(folder, console)
    return _conclude(folder, sweep, console)


def _tune(folder: SweepDir, sweep: Sweep, *, resume: bool) -> None:
    """Let Tune run to its end, or until a signal."""
    # A sweep that was killed while Ray started has nothing to restore.
    can_restore = resume and tune.Tuner.can_restore(str(folder.tune))
    tuner = _restore(folder, sweep) if can_restore else _new_tuner(folder, sweep)
    with _stop_signals():
        tuner.fit()


@contextmanager
def _local_ray(sweep: Sweep) -> Iterator[None]:
    """A Ray of our own that ends with the sweep."""
    _start_ray(sweep)
    try:
        yield
    finally:
        ray.shutdown()


def _start_ray(sweep: Sweep) -> None:
    """Without its dashboard and its log lines. Raises Ray's own exception if it does not come up."""
    num_ranks = sweep.resources.max_concurrent * sweep.ranks_per_trial
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            ray.init(
                address="local",
                num_cpus=num_ranks * sweep.resources.cpus_per_rank,
                num_gpus=num_ranks * sweep.resources.gpus_per_rank,
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
            return
        except Exception:  # Ray raises nothing more special when its 30 s are over
            ray.shutdown()
            if attempt == _START_ATTEMPTS:
                raise


def _trainable(folder: SweepDir, sweep: Sweep) -> Any:
    return tune.with_resources(tune.with_parameters(Trial, folder=folder, sweep=sweep), placement(sweep))


def _new_tuner(folder: SweepDir, sweep: Sweep) -> tune.Tuner:
    return tune.Tuner(
        _trainable(folder, sweep),
        param_space={"overrides": tune.grid_search(sweep.configurations())},
        tune_config=tune.TuneConfig(
            metric=sweep.metric,
            mode="max",
            search_alg=BasicVariantGenerator(max_concurrent=sweep.resources.max_concurrent),
            scheduler=RememberingAsha(folder, sweep),
            reuse_actors=True,
            trial_dirname_creator=_trial_id,
        ),
        run_config=tune.RunConfig(
            name=folder.tune.name,
            storage_path=str(folder.path),
            stop={"position": sweep.total},
            failure_config=tune.FailureConfig(max_failures=_MAX_FAILURES),
            # All pointers are kept: a killed driver's record may name an older one than the last that Tune wrote.
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
            callbacks=[LiveTable(sweep, name=folder.path.name)],
            verbose=0,
        ),
    )


def _restore(folder: SweepDir, sweep: Sweep) -> tune.Tuner:
    """Trials that were training go on; failed ones are tried again, and keep their run directories."""
    return tune.Tuner.restore(str(folder.tune), _trainable(folder, sweep), resume_unfinished=True, resume_errored=True)


def _trial_id(trial: Any) -> str:
    return trial.trial_id


@contextmanager
def _stop_signals() -> Iterator[None]:
    """SIGTERM and SIGINT let Tune write its state down and end its trials; a second one ends the process as usual."""

    def stop(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(signal.SIGUSR1)  # Tune's own signal for that

    former: dict[int, Any] = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _conclude(folder: SweepDir, sweep: Sweep, console: Console) -> int:
    """Show and write what Tune has on record. Returns 0 if every trial came to its end, 1 if one failed."""
    rows = make_rows(tune.ExperimentAnalysis(str(folder.tune)).trials, sweep)
    if len(rows) < sweep.num_trials or any(row.state in ("waiting", "training") for row in rows):
        return _interrupted(folder, console)
    write_report(folder, sweep, rows)
    console.print(
        make_table(
            rows,
            sweep,
            title=f"{folder.path.name}: furthest of {sweep.total / 1000:.4g} kimg first, then by {sweep.metric}",
        )
    )
    for row in rows:
        if row.num_restarts or row.error:
            reason = f"{row.error}; all of it: " if row.error else ""
            console.print(f"{row.trial} {describe_state(row)}: {reason}{_shown(folder.errors(row.trial))}")
    best = best_of(rows)
    if best is not None:
        console.print(f"the best, {best.trial}, in full:\n  {full_command(sweep, best)}")
    console.print(f"report: {_shown(folder.report_markdown)}")
    return 1 if any(row.state == "failed" for row in rows) else 0


def _interrupted(folder: SweepDir, console: Console) -> int:
    console.print(
        f"stopped and saved. Continue with: {command_line('diptych', 'sweep', '--resume', _shown(folder.path))}"
    )
    return INTERRUPTED


def _describe(sweep: Sweep) -> str:
    resources = sweep.resources
    gpu = " and a GPU" if resources.gpus_per_rank else ""
    return (
        f"{sweep.num_trials} trials of {sweep.total / 1000:.4g} kimg; at once: {resources.max_concurrent}; "
        f"ranks of each: {sweep.ranks_per_trial}; cores of each rank: {resources.cpus_per_rank}{gpu}. Ray is starting."
    )


def _shown(path: Path) -> Path:
    """As short as the user would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
