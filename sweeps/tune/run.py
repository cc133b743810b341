"""Runs a sweep: a Ray of its own on this machine, Tune over it, the report at the end."""

import errno
import os
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import ConcurrencyLimiter, SearchAlgorithm, Searcher
from ray.tune.search.basic_variant import BasicVariantGenerator
from rich.console import Console

from launch.hosts.environment import forwarded
from sharding.console import command_line, counted, make_console, one_line
from sharding.storage.files import open_to_append
from sharding.work.local_ray import local_ray
from sweeps.machines import LOCAL
from sweeps.page.page import SweepPage
from sweeps.plan import Sweep, SweepDir
from sweeps.records import Record, read_records
from sweeps.report import full_command, write_report
from sweeps.rows import rows_on_record, trial_name, winners
from sweeps.table import describe_state, make_table
from sweeps.trials import length_note
from sweeps.tune.asha import RememberingAsha
from sweeps.tune.cluster import cluster_ray
from sweeps.tune.live import LiveTable
from sweeps.tune.lost import LostMachines
from sweeps.tune.pbt import PopulationSearcher
from sweeps.tune.recorder import Recorder
from sweeps.tune.renewal import RenewedPage
from sweeps.tune.signals import stop_signals
from sweeps.tune.tpe import TpeSearcher
from sweeps.tune.trial import Trial, placement
from sweeps.workspace import offer_workspace
from trainer.config.errors import ConfigError
from trainer.ranks.exits import STOPPED

FAILED = 1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_MAX_FAILURES = 2
_NO_END = -1
"""As many trials of Tune as the search asks for."""
_OBJECT_STORE_BYTES = 80 * 2**20
"""Near Ray's minimum: trials pass figures around, never images or weights."""

_ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # which prints tables of its own, however quiet it is asked to be
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # runs write metrics.jsonl; Tune's files lose lines at restarts
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # of its own state, which is never read back: a twentieth of the time
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}


def run_sweep(folder: SweepDir, sweep: Sweep, records: Mapping[str, Record], *, ray: str = LOCAL) -> int:
    """Run the trials that are left, and write the report. Returns the exit status.

    Args:
        records: how each trial stands, by its name.
        ray: where they run; see `find_machines`.

    Raises:
        ConfigError: a machine of the cluster cannot run trials.
    """
    resume = command_line(
        "diptych", "sweep", "--resume", _shown(folder.path), *([] if ray == LOCAL else ["--ray", ray])
    )
    console = make_console()
    console.print(f"sweep: {_shown(folder.path)}\n{_describe(sweep)}")
    if any(not record.is_ended for record in records.values()):
        try:
            train(folder, sweep, records, callbacks=callbacks_of(folder, sweep, records), ray=ray)
        except KeyboardInterrupt:  # before Tune began to listen to signals
            return _interrupted(resume, console)
        except ConfigError:
            raise
        except Exception as error:  # those of Ray and Tune have no common kind
            return _failed(folder, error, resume=resume)
    return _conclude(folder, sweep, console, resume=resume)


def callbacks_of(folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]) -> list[tune.Callback]:
    """What follows the trials: the table and the records."""
    return [
        LiveTable(sweep, name=folder.path.name, before=records),
        Recorder(folder, sweep, before=records),
        RenewedPage(folder, sweep, before=records),
        LostMachines(),
    ]


def train(
    folder: SweepDir,
    sweep: Sweep,
    records: Mapping[str, Record],
    *,
    callbacks: Sequence[tune.Callback],
    trial: type[tune.Trainable] = Trial,
    ray: str = LOCAL,
) -> None:
    """Let Tune run to its end, or until a signal.

    Args:
        trial: what takes the arguments of a `Trial`.
        ray: see `run_sweep`.
    """
    os.environ.update(_ENVIRONMENT)
    ours = _own_ray(sweep) if ray == LOCAL else cluster_ray(ray, folder, sweep)
    environment = {} if ray == LOCAL else forwarded(os.environ)
    # Ray prints to standard output whenever a process dies, in the middle of the table.
    with open_to_append(folder.ray_log) as log, redirect_stdout(log), ours as private:
        prepared = tune.with_parameters(
            trial, folder=folder, sweep=sweep, private=private if ray == LOCAL else None, environment=environment
        )
        tuner = tune.Tuner(
            tune.with_resources(prepared, placement(sweep)),
            param_space=_param_space(sweep, records),
            tune_config=tune_config(folder, sweep, records),
            run_config=_run_config(sweep, private=private, callbacks=callbacks),
        )
        with stop_signals():
            tuner.fit()


def _own_ray(sweep: Sweep) -> AbstractContextManager[Path]:
    num_ranks = sweep.resources.max_concurrent * sweep.ranks_per_trial
    return local_ray(
        num_cpus=num_ranks * sweep.resources.cpus_per_rank,
        num_gpus=sweep.resources.num_gpus(num_ranks),
        object_store_memory=_OBJECT_STORE_BYTES,
    )


class _Given(dict[str, Any]):
    """What one trial is given. Tune copies those of all trials for each trial: seconds for hundreds."""

    def __deepcopy__(self, memo: object) -> "_Given":
        return self


def _param_space(sweep: Sweep, records: Mapping[str, Record]) -> dict[str, Any]:
    """The trials that are left, to a new Tuner: Tune keeps its state in pickles, and those of a folder are not read."""
    left = [
        _Given(name=name, overrides=overrides, position=records[name].position)
        for name, overrides in sweep.trials().items()
        if not records[name].is_ended
    ]
    return {} if sweep.algorithm in ("tpe", "pbt") else {"trial": tune.grid_search(left)}


def _run_config(sweep: Sweep, *, private: Path, callbacks: Sequence[tune.Callback]) -> tune.RunConfig:
    return tune.RunConfig(
        name="tune",
        storage_path=str(private),
        stop={"position": sweep.total},
        failure_config=tune.FailureConfig(max_failures=_MAX_FAILURES),
        checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
        callbacks=[*callbacks],
        verbose=0,
    )


def tune_config(folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]) -> tune.TuneConfig:
    """What is searched for, which way, and which trials are stopped on the way."""
    ended = [name for name, record in records.items() if record.is_ended]
    return tune.TuneConfig(
        metric=sweep.metric,
        mode=sweep.score.mode,
        search_alg=_search(folder, sweep, records),
        num_samples={"tpe": sweep.num_trials - len(ended), "pbt": _NO_END}.get(sweep.algorithm, 1),
        scheduler=RememberingAsha(folder, sweep, ended=ended) if sweep.algorithm == "asha" else FIFOScheduler(),
        reuse_actors=True,
        trial_dirname_creator=trial_name,
    )


def _search(folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]) -> SearchAlgorithm | Searcher:
    most = sweep.resources.max_concurrent
    if sweep.algorithm == "tpe":
        return ConcurrencyLimiter(TpeSearcher(folder, sweep, records), max_concurrent=most)
    if sweep.algorithm == "pbt":
        return ConcurrencyLimiter(PopulationSearcher(folder, sweep, records), max_concurrent=most)
    return BasicVariantGenerator(max_concurrent=most)


def _conclude(folder: SweepDir, sweep: Sweep, console: Console, *, resume: str) -> int:
    """Show and write what is on record. Returns 0 if every trial came to its end, 1 if one failed."""
    rows = rows_on_record(read_records(folder, sweep), sweep)
    SweepPage(folder, sweep).write(rows)
    if any(row.is_open for row in rows):
        return _interrupted(resume, console)
    write_report(folder, sweep, rows)
    order = f"furthest of {sweep.total / 1000:.4g} kimg first, then by {sweep.metric}"
    if sweep.second_metric is not None:
        order = f"what no other beats in both {' and '.join(sweep.objectives)} first"
    console.print(make_table(rows, sweep, title=f"{folder.path.name}: {order}"))
    for row in rows:
        if row.num_restarts or row.error:
            reason = f"{row.error}; all of it: " if row.error else ""
            console.print(f"{row.trial} {describe_state(row)}: {reason}{_shown(folder.errors(row.trial))}")
    best = winners(rows, sweep)
    for row in best:
        which = "one of the best" if sweep.second_metric else "the best"
        console.print(f"{which}, {row.trial}, in full:\n  {full_command(sweep, row)}")
    if best and length_note(sweep):
        console.print(f"  {length_note(sweep)}")
    console.print(f"report: {_shown(folder.page)}")
    workspace = offer_workspace(folder, sweep)
    if workspace is not None:
        console.print(workspace)
    return FAILED if any(row.state == "failed" for row in rows) else 0


def _interrupted(resume: str, console: Console) -> int:
    console.print(f"stopped and saved. Continue with: {resume}")
    return STOPPED


def _failed(folder: SweepDir, error: Exception, *, resume: str) -> int:
    """Ray did not come up, or Tune broke off: no fault of a single trial, which its record tells."""
    with suppress(OSError), open_to_append(folder.ray_log) as log:  # the disk may be full
        traceback.print_exception(error, file=log)
    reason = one_line(str(error).strip().partition("\n")[0] or type(error).__name__)
    who = "the sweep cannot be written" if isinstance(error, OSError) and error.errno in _FULL else "Ray failed"
    make_console(stderr=True).error(f"{who}: {reason}; all of it: {_shown(folder.ray_log)}. To go on: {resume}")
    return FAILED


def _describe(sweep: Sweep) -> str:
    resources = sweep.resources
    gpu = f" and {'a' if resources.gpus_per_rank == 1 else f'{resources.gpus_per_rank:g} of a'} GPU"
    return (
        f"{counted(sweep.num_trials, 'trial')} of {sweep.total / 1000:.4g} kimg; at once: {resources.max_concurrent}; "
        f"ranks of each: {sweep.ranks_per_trial}; cores of each rank: {resources.cpus_per_rank}"
        f"{gpu if resources.gpus_per_rank else ''}."
    )


def _shown(path: Path) -> Path:
    """The value as short as the user would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
