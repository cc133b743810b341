"""The tree-structured Parzen estimator (Bergstra et al. 2011), of Optuna: proposals like what has been good so far."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from sweeps.spaces.overrides import Overrides, apply
from sweeps.spaces.space import Space
from trainer.config.domains import Choice, Domain, Integers, LogUniform, Reals
from trainer.config.errors import ConfigError
from trainer.runs.config import RunConfig

_MOST_TRIES = 100
"""Proposals that the configuration could not have, before the search gives up."""


class Tpe:
    """Proposes configurations, and is told their scores, of whichever order.

    Paths that have an effect together are modelled together (multivariate and by groups: Falkner et al. 2018); trials
    that are still running count as bad for the time being, so that those beside each other differ.

    Args:
        config: what all trials have in common.
        modes: `max` or `min` for each score. Of two, those trials count as good that no other beats in both, and of
            these rather those that are far from each other (Ozaki et al. 2022, arXiv:2011.13315).
        num_trials: of the whole search; a quarter of them, from 3 to 10, are random.
        seed: of the proposals, which depend on the order of scores, too.
    """

    def __init__(self, space: Space, config: RunConfig, *, modes: Iterable[str], num_trials: int, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._config = config
        num_random = min(10, max(3, num_trials // 4))
        with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):  # of `group`
            sampler = optuna.samplers.TPESampler(n_startup_trials=num_random, multivariate=True, group=True, seed=seed)
        self._study = optuna.create_study(
            directions=["maximize" if mode == "max" else "minimize" for mode in modes], sampler=sampler
        )
        self._asked: dict[str, optuna.Trial] = {}

    def ask(self, name: str) -> dict[str, Any]:
        """What a new trial is to change. Raises ConfigError if nothing that the configuration could have is found."""
        for _ in range(_MOST_TRIES):
            trial = self._study.ask()
            overrides = self._suggest(trial)
            try:
                apply(self._config, overrides)
            except ConfigError:
                self._study.tell(trial, state=TrialState.PRUNED)
                continue
            self._asked[name] = trial
            return overrides
        raise ConfigError("space", list(self._space.domains), f"{_MOST_TRIES} draws were all impossible; vary less.")

    def tell(self, name: str, scores: Sequence[float] | None, *, is_bad: bool = False) -> None:
        """How a trial that was asked for has ended.

        Args:
            scores: one for each of `modes`. None if there are none: it failed, which says nothing, or is bad.
            is_bad: worse than all others, e.g. as its loss was not finite.
        """
        trial = self._asked.pop(name)
        if scores is None:
            self._study.tell(trial, state=TrialState.PRUNED if is_bad else TrialState.FAIL)
        else:
            self._study.tell(trial, scores)

    def know(self, overrides: Overrides, scores: Sequence[float] | None, *, is_bad: bool = False) -> None:
        """Take in a trial that was not asked for: the preset itself, or one of before a restart. As `tell`."""
        if scores is None and not is_bad:
            return
        paths = [path for path in overrides if overrides[path] in self._space.domains[path]]
        self._study.add_trial(
            optuna.create_trial(
                params={path: _coded(self._space.domains[path], overrides[path]) for path in paths},
                distributions={path: _distribution(self._space.domains[path]) for path in paths},
                values=scores,
                state=TrialState.PRUNED if scores is None else TrialState.COMPLETE,
            )
        )

    @property
    def study(self) -> optuna.Study:
        """All that it was told, for Optuna's own analyses. Paths are its parameters."""
        return self._study

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for path in self._space.ordered:
            if self._space.holds(path, values):
                values[path] = _suggest_one(trial, path, self._space.domains[path])
        return self._space.active(values)


def scores_of(metrics: Mapping[str, Any], objectives: Iterable[str]) -> list[float] | None:
    """A trial's scores of its last report, or None where it lacks one or the loss was not finite."""
    keys = list(objectives)
    if metrics.get("diverged") or any(metrics.get(key) is None for key in keys):
        return None
    return [metrics[key] for key in keys]


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):  # by number: values may be lists
        return CategoricalDistribution(tuple(range(len(domain.values))))
    low, high = domain.extremes
    if isinstance(domain, Integers):
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=isinstance(domain, LogUniform))


def _coded(domain: Domain, value: Any) -> Any:
    return domain.values.index(value) if isinstance(domain, Choice) else value


def _suggest_one(trial: optuna.Trial, path: str, domain: Domain) -> Any:
    """A value of the domain, of what `_distribution` says."""
    if isinstance(domain, Choice):
        return domain.values[trial.suggest_categorical(path, range(len(domain.values)))]
    low, high = domain.extremes
    if isinstance(domain, Reals):
        return domain.rounded(trial.suggest_float(path, low, high, log=isinstance(domain, LogUniform)))
    return trial.suggest_int(path, low, high)
