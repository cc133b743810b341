"""How a configuration is made small enough for many trials, and what of that is undone to train the best in full."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sweeps.plan import Sweep
from sweeps.spaces.overrides import Overrides
from sweeps.table import short_names, show_value
from trainer.config.shrink import shrink
from trainer.presets import load_preset
from trainer.runs.config import RunConfig, changed, config_to_dict, flatten

MOST = {"num_filters": 16}
"""Of networks, whatever section of a method they are in."""

_MOST_KIMG = 2.0


def trial_config(config: RunConfig) -> RunConfig:
    """Narrow networks, few images, one thread for loading.

    Scores and checkpoints come with a trial's reports, so the loop makes none of its own.
    """
    return replace(
        config,
        method=shrink(config.method, MOST),
        train=replace(config.train, total_kimg=min(config.train.total_kimg, _MOST_KIMG), patience_kimg=0.0),
        data=replace(config.data, num_threads=1),
        samples=replace(config.samples, period_kimg=0.5),
        evaluate=replace(config.evaluate, period_kimg=0.0),
        checkpoint=replace(config.checkpoint, period_kimg=0.0, keep=1, keep_best=None),
    )


def in_group(config: RunConfig, name: str) -> RunConfig:
    """The configuration of runs that W&B shows together."""
    return replace(config, log=replace(config.log, wandb_group=name))


def drawn_at_reports(config: RunConfig, num_reports: int, *, asked: Overrides) -> RunConfig:
    """A picture with each report, so that trials that end early can be seen too, unless the user says how often."""
    if "samples.period_kimg" in asked:
        return config
    return replace(config, samples=replace(config.samples, period_kimg=config.train.total_kimg / num_reports))


def named(config: RunConfig, trial: str, overrides: Overrides) -> RunConfig:
    """A trial's configuration, called at W&B by what it changes: `003 weight_l1=31 skips=add`."""
    names = short_names(overrides)
    title = " ".join([trial, *(f"{names[path]}={show_value(value)}" for path, value in overrides.items())])
    return replace(config, log=replace(config.log, wandb_name=title))


def asked_of(sweep: Sweep) -> dict[str, Any]:
    """What the user changed of the preset for all trials.

    Of a sweep that did not note it: what still shows, which is no change of a field that is made small anyway.
    """
    if sweep.asked is not None:
        return dict(sweep.asked)
    preset = load_preset(sweep.preset)
    small = trial_config(preset)
    made_small = changed(small, since=preset).keys() | {"log.wandb_group"}
    return {path: value for path, value in changed(sweep.config, since=small).items() if path not in made_small}


def full_overrides(sweep: Sweep, found: Overrides) -> dict[str, Any]:
    """Changes to the preset that train a trial in full: what the user asked of all trials, and what this one found.

    Widths are as much wider as the preset's own.
    """
    return asked_of(sweep) | {
        path: round(value * sweep.scales[path]) if path in sweep.scales else value for path, value in found.items()
    }


def scales_of(paths: Iterable[str], config: RunConfig, *, preset: str, vary: Sequence[str]) -> dict[str, float]:
    """What values of paths are multiplied by to train in full, for those that were made small for all trials.

    Args:
        config: of the trials.
        vary: what the user wrote of paths whose values are meant as they are.
    """
    whole, small = (flatten(config_to_dict(part)) for part in (load_preset(preset), config))
    meant = {text.partition("=")[0] for text in vary}
    return {
        path: whole[path] / small[path]
        for path in paths
        if path.rpartition(".")[2] in MOST and path not in meant and small[path] != whole[path]
    }


def length_note(sweep: Sweep) -> str:
    """What to know of a full training whose length the user has set for the trials, too; empty where he has not.

    After population-based training also that its values are those of the end.
    """
    length = asked_of(sweep).get("train.total_kimg")
    last = ["Values changed on the way: these are the last, and report.md has the schedule."] * (
        sweep.algorithm == "pbt"
    )
    own = [f"--train.total-kimg {length} is yours: without it, the length is the preset's."] * (length is not None)
    return " ".join([*last, *own])
