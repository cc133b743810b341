"""The score that a sweep chooses by: one that its method gives on its data."""

from sharding.format.manifest import Manifest
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.evaluation.scores import available_objectives, objectives, why_absent
from trainer.runs.config import RunConfig


def check_name(metric: str) -> None:
    """Raises ConfigError if sweeps cannot choose by it, whatever the data set."""
    if metric not in objectives():
        raise ConfigError("metric", metric, f"there are: {', '.join(objectives())}.")


def available_metrics(config: RunConfig, manifest: Manifest) -> tuple[str, ...]:
    """Scores of the watched split that sweeps can choose by, and that the method gives on these data."""
    return tuple(available_objectives(_subject(config, manifest), encoder=config.evaluate.on_the_way))


def choose_metric(asked: str | None, config: RunConfig, manifest: Manifest) -> str:
    """The score that was asked for, or the first that there is.

    Raises:
        ConfigError: these data and this method do not give it; says why, and what there is instead.
    """
    available = available_metrics(config, manifest)
    if asked in available or (asked is None and available):
        return asked or available[0]
    if asked is None:
        reason = "no score that a sweep could choose by comes of"
        raise ConfigError("metric", asked, f"{reason} method.name = {config.method.name!r} on {config.data.path}.")
    check_name(asked)
    remedy = f"use {' or '.join(available)}" if available else "sweep over another preset or data set"
    why = why_absent(asked, _subject(config, manifest), encoder=config.evaluate.on_the_way)
    raise ConfigError("metric", asked, f"{why}; {remedy}.")


def _subject(config: RunConfig, manifest: Manifest) -> Subject:
    return Subject.begin(data=config.data, method=config.method, manifest=manifest)
