"""The scores that a sweep chooses by: such as its method gives on its data."""

from typing import get_args

from sharding.format.manifest import Manifest
from sweeps.plan import Algorithm
from trainer.config.errors import ConfigError, require
from trainer.data.subject import Subject
from trainer.evaluation.scores import available_objectives, objectives, why_absent
from trainer.runs.config import RunConfig

_BY_ONE: dict[Algorithm, str] = {
    "asha": "stops trials that are behind in one score",
    "pbt": "replaces trials that are behind in one score",
}
"""Algorithms that need to know on the way which trial is the better one, and why."""


def check_names(metric: str | None, second: str | None, *, algorithm: Algorithm) -> None:
    """Raises ConfigError if sweeps cannot choose by these scores, whatever the data set."""
    for field, asked in (("metric", metric), ("second_metric", second)):
        if asked is not None and asked not in objectives():
            raise ConfigError(field, asked, f"there are: {', '.join(objectives())}.")
    require(second is None or second != metric, "second_metric", second, "is the first one too; name another.")
    if second is not None and algorithm in _BY_ONE:
        others = ", ".join(other for other in get_args(Algorithm) if other not in _BY_ONE)
        remedy = f"{algorithm} {_BY_ONE[algorithm]}; use --algorithm {others}, or leave this out."
        raise ConfigError("second_metric", second, remedy)


def available_metrics(config: RunConfig, manifest: Manifest) -> tuple[str, ...]:
    """Scores of the watched split that sweeps can choose by, and that the method gives on these data."""
    wanted = config.evaluate
    subject = _subject(config, manifest)
    return tuple(available_objectives(subject, encoder=wanted.on_the_way, fcn=wanted.fcn is not None))


def choose_metric(asked: str | None, config: RunConfig, manifest: Manifest, *, field: str = "metric") -> str:
    """The score that was asked for, or the first that there is.

    Args:
        field: by which it was asked for.

    Raises:
        ConfigError: these data and this method do not give it; says why, and what there is instead.
    """
    available = available_metrics(config, manifest)
    if asked in available or (asked is None and available):
        return asked or available[0]
    if asked is None:
        reason = "no score that a sweep could choose by comes of"
        raise ConfigError(field, asked, f"{reason} method.name = {config.method.name!r} on {config.data.path}.")
    remedy = f"use {' or '.join(available)}" if available else "sweep over another preset or data set"
    why = why_absent(asked, _subject(config, manifest), encoder=config.evaluate.on_the_way)
    raise ConfigError(field, asked, f"{why}; {remedy}.")


def choose_second(
    asked: str | None, metric: str, config: RunConfig, manifest: Manifest, *, algorithm: Algorithm
) -> str | None:
    """The second score, if one was asked for beside the first. Raises as `choose_metric` and `check_names`."""
    check_names(metric, asked, algorithm=algorithm)
    return asked and choose_metric(asked, config, manifest, field="second_metric")


def _subject(config: RunConfig, manifest: Manifest) -> Subject:
    return Subject.begin(data=config.data, method=config.method, manifest=manifest)
