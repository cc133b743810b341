"""Reads a sweep's folder back: only JSON, each field checked, before anything starts. Imports neither ray nor torch.

The folder may come from a stranger, so nothing in it is taken on trust, and nothing of it is run.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from launch.on_ray.plan import Node
from sharding.storage.files import refuse_link
from sweeps.machines import LOCAL, find_machines
from sweeps.metrics import check_names
from sweeps.plan import Sweep, SweepDir
from sweeps.population import planned_values, read_population
from sweeps.records import Record, check_run, overrides_of, read_records
from sweeps.resources import Resources, plan_resources
from sweeps.spaces.catalogue import FORMER
from sweeps.spaces.on_the_way import check_on_the_way
from sweeps.spaces.overrides import Overrides, apply
from trainer.config.errors import ConfigError
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import load_preset


def open_sweep(folder: SweepDir, *, ray: str = LOCAL) -> tuple[Sweep, dict[str, Record]]:
    """The settings that a sweep was started with, and how its trials stand, by their names.

    Args:
        ray: where it goes on; see `find_machines`.

    Raises:
        ConfigError: the folder is no sweep, or that of an earlier version; a file in it is damaged or contradicts
            another; or the sweep cannot run on this machine, or on the cluster.
    """
    sweep = folder.sweep()
    _check_folders(folder)
    _check_settings(sweep)
    records = read_records(folder, sweep)
    decided, former = _decided(folder, sweep, records)
    for name, overrides in decided.items():
        apply(sweep.config, overrides or {})
        check_run(folder.run(name), overrides or {}, former=former.get(name))
        read_metrics(folder.run(name).metrics_file)  # ASHA will: damage is told before Ray starts
    # Relative paths of a sweep that was moved to another machine begin here.
    start = sweep.folder if sweep.folder.is_dir() else Path.cwd()
    return replace(sweep, folder=start, resources=_resources(sweep, ray)), records


def _decided(
    folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]
) -> tuple[Mapping[str, Overrides | None], Mapping[str, Overrides]]:
    """What each trial changes, and what it may still train with, where the newest decisions were not carried out."""
    on_record = overrides_of(records, sweep)
    if sweep.algorithm != "pbt":
        return on_record, {}
    for overrides in on_record.values():
        apply(sweep.config, overrides or {})
    population, planned = read_population(folder, sweep), planned_values(sweep)
    before = [exploit for exploit in population.exploits if exploit not in population.newest]
    return population.values(planned), replace(population, exploits=before).values(planned)


def _check_folders(folder: SweepDir) -> None:
    for path in (folder.trials, folder.records, folder.ray_log):
        refuse_link(path, error=partial(ConfigError, "resume", str(folder.path)))
    if not folder.records.is_dir():
        reason = (
            "was begun by an earlier version, whose record is not read any more, because reading it runs code that is "
            "in it. Start a new sweep; the runs below trials/ can be evaluated as before."
        )
        raise ConfigError("resume", str(folder.path), reason)


def _check_settings(sweep: Sweep) -> None:
    """What the command line checks for a new sweep."""
    apply(load_preset(sweep.preset), sweep.asked or {})
    if sweep.domains is None and sweep.space not in FORMER:
        raise ConfigError("space", sweep.space, f"there are: {', '.join(FORMER)}.")
    try:
        _ = sweep.search_space
    except ValueError as error:
        raise ConfigError("domains", sweep.domains, f"of sweep.json: {error}") from None
    if sweep.algorithm == "pbt":
        check_on_the_way(sweep.search_space, sweep.config)
    check_names(sweep.metric, sweep.second_metric, algorithm=sweep.algorithm)


def _resources(sweep: Sweep, ray: str) -> Resources:
    """Those of the sweep, or fewer if the machines have fewer."""
    machines = find_machines(ray, sweep.config)
    most = max(int(machine.cpus) for machine in machines) // sweep.ranks_per_trial
    if not sweep.resources.gpus_per_rank:
        machines = [Node(cpus=machine.cpus) for machine in machines]
    return plan_resources(
        machines,
        num_trials=sweep.num_trials,
        ranks_per_trial=sweep.ranks_per_trial,
        cpus_per_rank=min(sweep.resources.cpus_per_rank, max(1, most)),
        gpus_per_rank=sweep.resources.gpus_per_rank or 1.0,
        max_concurrent=sweep.resources.max_concurrent,
    )
