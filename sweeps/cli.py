"""`diptych sweep`: from the command line to a started sweep. Loads ray and torch only once a sweep begins."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Annotated

import tyro

from launch.commands.train import check_dataset
from launch.embedded import ensure_dataset
from launch.machine.devices import count_cores, count_gpus
from sharding.format.manifest_file import read_manifest
from sweeps.plan import SMALL, Resources, Sweep, SweepDir, available_metrics, check_counts, check_name, plan_resources
from sweeps.records import Record, read_records
from sweeps.resume import open_sweep
from sweeps.spaces.overrides import apply, check_space, load_space
from trainer.config.errors import ConfigError
from trainer.evaluation.scores import find_key, met_needs
from trainer.presets import DEFAULT, describe_preset, load_preset, preset_names
from trainer.runs.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """A new sweep over a preset with changes."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    space: str = "l1-skips"
    """What differs between trials: l1-skips (the L1 weight, the U-Net's skips) or optimizer (lr, beta1)."""
    num_trials: int = 4
    """Configurations to try. The first is the one below, if the space holds it; the others are drawn evenly from it."""
    metric: str = "eval/psnr"
    """Score of the validation split to choose by, e.g. eval/psnr, eval/ssim, eval/miou."""
    num_reports: int = 8
    """How often a trial is scored and saved, evenly over --train.total-kimg."""
    reduction_factor: int = 2
    """ASHA: after 1, 2, 4, ... reports (for 2) only the best of so many trials goes on."""
    max_concurrent: int = 0
    """Trials at once; 0 is as many as the machine has cores or GPUs for."""
    ranks_per_trial: int = 1
    """Processes that train one trial together, each with a GPU where there are any."""
    cpus_per_rank: int = 0
    """CPU cores of a rank; 0 shares the machine's out evenly."""
    seed: int = 0
    """Decides which configurations are drawn. Initial weights and order of samples are --train.seed's."""
    name: str | None = None
    """Of the sweep's folder and W&B group; PRESET-SPACE, numbered if that is taken, if not given."""
    sweeps: Path = Path("sweep-runs")
    """Folder of all sweeps."""

    def __post_init__(self) -> None:
        check_counts(self)
        for name in ("max_concurrent", "cpus_per_rank"):
            if getattr(self, name) < 0:
                raise ConfigError(name, getattr(self, name), "use 0 or more.")


@dataclass(frozen=True, kw_only=True)
class ResumeOptions:
    """Continue a sweep that was stopped, or retry its failed trials, with the settings that it was started with."""

    resume: Path
    """Folder of the sweep, e.g. sweep-runs/NAME."""


def sweep_command(argv: list[str]) -> int:
    """Start a sweep, or continue one with --resume. Returns the exit status.

    Raises:
        ConfigError: an impossible setting; nothing has been started.
        DatasetError: the data set is missing or damaged.
    """
    if any(argument.split("=")[0] == "--resume" for argument in argv):
        folder = SweepDir(tyro.cli(ResumeOptions, args=argv, prog="diptych sweep").resume.absolute())
        return _run(folder, *open_sweep(folder))
    preset, options = parse_sweep(argv)
    resources = check_options(options)
    ensure_dataset(options.config.data.path)
    check_dataset(options.config)
    check_metric(options)
    folder = SweepDir(_free_folder(options, preset).absolute())
    sweep = make_sweep(options, preset=preset, name=folder.path.name, resources=resources)
    folder.create(sweep)
    return _run(folder, sweep, read_records(folder, sweep))


def parse_sweep(argv: list[str]) -> tuple[str, SweepOptions]:
    """The preset, which may come first, made small, and the options that change it.

    Raises:
        ConfigError: no such preset, or an impossible value. A misspelt flag ends the process, with suggestions.
    """
    named = bool(argv) and not argv[0].startswith("-")
    preset = argv[0] if named else DEFAULT
    default = SweepOptions(config=apply(load_preset(preset), SMALL))
    description = (
        "Search configurations with Ray Tune: short trials, of which those that fall behind are stopped early.\n\n"
        f"{describe_preset(preset)}\n\nThe defaults below are those of the preset {preset}, made smaller. "
        f"Another may come first: {', '.join(preset_names())}.\n\n"
        "--resume sweep-runs/NAME, alone, continues a sweep that was stopped, and retries its failed trials."
    )
    options = tyro.cli(
        SweepOptions, args=argv[named:], default=default, prog="diptych sweep [PRESET]", description=description
    )
    options.config.data.share_cache()
    return preset, options


def check_options(options: SweepOptions) -> Resources:
    """What each rank may use. Raises ConfigError if trials could not run: before any data is made or touched."""
    num_gpus = count_gpus()
    options.config.check_hardware(num_gpus)
    check_space(load_space(options.space), options.config)
    check_name(options.metric)
    return plan_resources(
        num_trials=options.num_trials,
        ranks_per_trial=options.ranks_per_trial,
        cpus_per_rank=options.cpus_per_rank,
        max_concurrent=options.max_concurrent,
        num_cores=count_cores(),
        num_gpus=0 if options.config.engine.device == "cpu" else num_gpus,
    )


def check_metric(options: SweepOptions) -> None:
    """Raises ConfigError, with what there is instead, unless the configuration's data can have the score."""
    config, manifest = options.config, read_manifest(options.config.data.path)
    available = available_metrics(config, manifest)
    if options.metric in available:
        return
    if "pairs" in find_key(options.metric).needs - met_needs(config, manifest):
        reason = f"compares pairs, and of {config.data.path} it is not known which images belong together"
    else:
        reason = f"view {config.data.view_b!r} shows no classes"
    remedy = f"use {' or '.join(available)}" if available else "sweep over a paired data set"
    raise ConfigError("metric", options.metric, f"{reason}; {remedy}.")


def make_sweep(options: SweepOptions, *, preset: str, name: str, resources: Resources) -> Sweep:
    """All settings of the sweep called `name`, which is also its W&B group."""
    return Sweep(
        preset=preset,
        config=replace(options.config, log=replace(options.config.log, wandb_group=name)),
        space=options.space,
        metric=options.metric,
        num_trials=options.num_trials,
        num_reports=options.num_reports,
        reduction_factor=options.reduction_factor,
        ranks_per_trial=options.ranks_per_trial,
        resources=resources,
        seed=options.seed,
        command=sys.argv,
        folder=Path.cwd(),
    )


def _free_folder(options: SweepOptions, preset: str) -> Path:
    if options.name is not None:
        return options.sweeps / options.name
    name = f"{preset}-{options.space}"
    numbered = (options.sweeps / (name if number == 1 else f"{name}-{number}") for number in count(1))
    return next(path for path in numbered if not path.exists())


def _run(folder: SweepDir, sweep: Sweep, records: Mapping[str, Record]) -> int:
    from sweeps.tune.run import run_sweep

    return run_sweep(folder, sweep, records)
