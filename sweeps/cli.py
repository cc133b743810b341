"""`diptych sweep`: from the command line to a started sweep. Loads ray and torch only once a sweep begins."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.arguments import asks_to_resume, parse_on_preset, split_preset
from sweeps.machines import LOCAL, Cluster, find_machines
from sweeps.metrics import check_names, choose_metric, choose_second
from sweeps.plan import Algorithm, NumTrialsOrAll, Quantile, ReductionFactor, Seed, Sweep, SweepDir, written
from sweeps.records import Record, read_records
from sweeps.resources import Resources, plan_new
from sweeps.resume import open_sweep
from sweeps.spaces.catalogue import choose_space
from sweeps.spaces.on_the_way import NAME, check_on_the_way, space_on_the_way
from sweeps.spaces.overrides import Overrides, apply
from sweeps.spaces.space import Space, grid
from sweeps.trials import drawn_at_reports, in_group, scales_of, trial_config
from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan, Share
from trainer.config.errors import require
from trainer.config.section import check_bounds
from trainer.presets import load_preset
from trainer.runs.config import RunConfig, changed
from trainer.runs.preset_file import preset_title, whole_path

_PROG = "diptych sweep"
_NUM_TRIALS = 4

CountOrAuto = Annotated[int, AtLeast(0, "use 0 or more; 0 is as many as fit.")]
ShareOfGpu = Annotated[float, MoreThan(0, "use 1, or a share of a GPU such as 0.5.", most=1)]


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """A new sweep over a preset with changes."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    space: str | None = None
    """What differs between trials: weights (of losses), architecture (generators, skips, receptive fields, widths,
    norms), optimizer (rates, momentum), all of these, l1-skips (pix2pix's L1 weight, the U-Net's skips), or a Python
    file of one's own; if not given, nothing but --vary, or else the first of l1-skips, weights and optimizer that suits
    the method."""
    vary: tuple[str, ...] = ()
    """More that differs, PATH=DOMAIN each, e.g. method.weight_l1=log:10..1000 method.generator.skips=add,concatenate;
    a range may say its steps for a grid: log:1..100/3."""
    algorithm: Algorithm = "asha"
    """asha draws configurations evenly and stops those that fall behind; random stops none; grid tries all
    combinations; tpe proposes what is like the best of those that ended (Optuna), and stops none; pbt trains all as a
    population: at each report the worst go on with the weights of the best, and with values near theirs."""
    num_trials: NumTrialsOrAll = None
    """Configurations to try: 4 if not given, of a grid all. The first is the one below, if the space holds it."""
    metric: str | None = None
    """Score of the validation split to choose by, e.g. eval/psnr, eval/ssim, eval/miou; the first that the method has
    on its data if not given."""
    second_metric: str | None = None
    """Another, e.g. eval/kid/efficientnet-lite0 (with --evaluate.encoded always), as one score alone may reward the
    wrong thing: PSNR does blur. Then those trials are best that no other beats in both. Not with asha and pbt."""
    num_reports: AtLeastOne = 8
    """How often a trial is scored and saved, evenly over --train.total-kimg."""
    reduction_factor: ReductionFactor = 2
    """ASHA: after 1, 2, 4, ... reports (for 2) only the best of so many trials goes on."""
    quantile: Quantile = 0.25
    """PBT: the share of trials that take over at each report, and from which."""
    resample: Share = 0.25
    """PBT: how likely it is that a value is drawn anew then, in place of being made larger or smaller by a fifth."""
    max_concurrent: CountOrAuto = 0
    """Trials at once; 0 is as many as the machine or the cluster has cores or GPUs for."""
    ranks_per_trial: AtLeastOne = 1
    """Processes that train one trial together, on one machine, each with a GPU where there are any."""
    cpus_per_rank: CountOrAuto = 0
    """CPU cores of a rank; 0 shares the machine's out evenly."""
    gpus_per_rank: ShareOfGpu = 1.0
    """Of a GPU, where there are any: with 0.25 four trials of one rank share one, which small networks leave idle."""
    ray: Cluster = LOCAL
    """Where trials run: on this machine (local), on the Ray cluster that it is part of (auto), or on the one at an
    address. All machines see the sweep's folder, and the data, at the same path."""
    seed: Seed = 0
    """Decides which configurations are drawn. Initial weights and order of samples are --train.seed's."""
    name: str | None = None
    """Of the sweep's folder and W&B group; PRESET-SPACE, numbered if that is taken, if not given."""
    sweeps: Path = Path("sweep-runs")
    """Folder of all sweeps."""

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, kw_only=True)
class ResumeOptions:
    """Continue a sweep that was stopped, or retry its failed trials, with the settings that it was started with."""

    resume: Path
    """Folder of the sweep, e.g. sweep-runs/NAME."""
    ray: Cluster = LOCAL
    """As of a new sweep; sweep.json does not say it, which may come from a stranger."""


def sweep_command(argv: list[str]) -> int:
    """Start a sweep, or continue one with --resume. Returns the exit status.

    Raises:
        ConfigError: an impossible setting; nothing has been started.
        DatasetError: the data set is missing or damaged.
    """
    if asks_to_resume(argv):
        resumed = tyro.cli(ResumeOptions, args=argv, prog=_PROG)
        folder = SweepDir(resumed.resume.absolute())
        return _run(folder, *open_sweep(folder, ray=resumed.ray), ray=resumed.ray)
    options = parse_sweep(argv)
    sweep, folder = plan_options(split_preset(argv)[0], options, asked_by(argv))
    folder.create(sweep)
    return _run(folder, sweep, read_records(folder, sweep), ray=options.ray)


def plan_sweep(argv: list[str]) -> tuple[Sweep, SweepDir]:
    """All that is settled before anything is written, but for an embedded data set, which is made if it is missing.

    Raises: as `sweep_command`.
    """
    return plan_options(whole_path(split_preset(argv)[0]), parse_sweep(argv), asked_by(argv))


def plan_options(preset: str, options: SweepOptions, asked: Overrides) -> tuple[Sweep, SweepDir]:
    """The same of options that have been read.

    Args:
        asked: what the user changed of the preset; see `asked_by`.
    """
    name, space = _choose_space(options)
    options = replace(options, num_trials=count_trials(options, space))
    resources = check_options(options)
    from launch.embedded import ensure_dataset  # what looks at data is not for who is told of a mistake
    from launch.folders import new_folder
    from launch.starting import check_dataset, tell_watched
    from sharding.format.manifest_file import read_manifest

    ensure_dataset(options.config.data.path)
    tell_watched(check_dataset(options.config))
    manifest = read_manifest(options.config.data.path)
    metric = choose_metric(options.metric, options.config, manifest)
    second = choose_second(options.second_metric, metric, options.config, manifest, algorithm=options.algorithm)
    title = f"{preset_title(preset)}-{name}"
    folder = SweepDir(new_folder(options.sweeps, asked=options.name, otherwise=title).absolute())
    chosen = replace(options, space=name, metric=metric, second_metric=second, name=folder.path.name)
    sweep = make_sweep(chosen, space, preset=preset, asked=asked, resources=resources)
    for overrides in sweep.configurations:
        apply(sweep.config, overrides or {})
    return sweep, folder


def _choose_space(options: SweepOptions) -> tuple[str, Space]:
    if options.algorithm != "pbt":
        return choose_space(options.space, options.vary, options.config)
    if options.space is None and not options.vary:
        return NAME, space_on_the_way(options.config)
    name, space = choose_space(options.space, options.vary, options.config)
    check_on_the_way(space, options.config)
    return name, space


def count_trials(options: SweepOptions, space: Space) -> int:
    """How many configurations are tried. Raises ConfigError for a grid whose number was asked to be another."""
    if options.algorithm != "grid":
        num = options.num_trials or _NUM_TRIALS
        require(num > 1 or options.algorithm != "pbt", "num_trials", num, "pbt compares trials; use 2 or more.")
        return num
    num = len(grid(space))
    require(options.num_trials in (None, num), "num_trials", options.num_trials, f"the grid has {num}; leave it out.")
    return num


def make_sweep(options: SweepOptions, space: Space, *, preset: str, asked: Overrides, resources: Resources) -> Sweep:
    """All settings of a sweep whose space, metric and name, which is also its W&B group, have been chosen."""
    assert options.space is not None
    assert options.metric is not None
    assert options.name is not None
    assert options.num_trials is not None
    return Sweep(
        preset=preset,
        config=drawn_at_reports(in_group(options.config, options.name), options.num_reports, asked=asked),
        asked=asked,
        space=options.space,
        **written(space),
        scales=scales_of(space.domains, options.config, preset=preset, vary=options.vary),
        algorithm=options.algorithm,
        metric=options.metric,
        second_metric=options.second_metric,
        num_trials=options.num_trials,
        num_reports=options.num_reports,
        reduction_factor=options.reduction_factor,
        quantile=options.quantile,
        resample=options.resample,
        ranks_per_trial=options.ranks_per_trial,
        resources=resources,
        seed=options.seed,
        command=sys.argv,
        folder=Path.cwd(),
    )


def parse_sweep(argv: list[str]) -> SweepOptions:
    """The flags' changes to a preset that was made small. Raises ConfigError as `parse_on_preset` does."""
    options = parse_on_preset(
        argv,
        begin=lambda config: SweepOptions(config=trial_config(config)),
        prog=_PROG,
        about="Search configurations with Ray Tune: short trials, of which those that fall behind are stopped early. "
        "Below, the preset is made small.",
        after="--resume sweep-runs/NAME, alone, continues a sweep that was stopped, and retries its failed trials. "
        "`diptych sweep best sweep-runs/NAME` makes a preset of what it found.",
    )
    options.config.data.share_cache()
    return options


def asked_by(argv: list[str]) -> dict[str, Any]:
    """What the flags change of the preset itself, whatever is made small for trials.

    The flags are read a second time, on the preset as it is: only so it is seen who has set a value, where the user
    asks for the very number that trials have anyway.
    """
    whole = parse_on_preset(argv, begin=lambda config: SweepOptions(config=config), prog=_PROG)
    return changed(whole.config, since=load_preset(split_preset(argv)[0]))


def check_options(options: SweepOptions) -> Resources:
    """What each rank may use. Raises ConfigError if trials could not run: before any data is made or touched."""
    patience, port = options.config.train.patience_kimg, options.config.log.prometheus_port
    require(patience == 0, "train.patience_kimg", patience, "sweeps stop what falls behind by themselves; use 0 (off).")
    require(port == 0, "log.prometheus_port", port, "trials share their hosts, and a port serves one; use 0 (off).")
    check_names(options.metric, options.second_metric, algorithm=options.algorithm)
    return plan_new(
        find_machines(options.ray, options.config),
        num_trials=options.num_trials or _NUM_TRIALS,
        ranks_per_trial=options.ranks_per_trial,
        cpus_per_rank=options.cpus_per_rank,
        gpus_per_rank=options.gpus_per_rank,
        max_concurrent=options.max_concurrent,
    )


def _run(folder: SweepDir, sweep: Sweep, records: Mapping[str, Record], *, ray: str) -> int:
    from sweeps.tune.run import run_sweep

    with folder.only_process():
        return run_sweep(folder, sweep, records, ray=ray)
