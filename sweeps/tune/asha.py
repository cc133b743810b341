"""Tune's ASHA (Li et al. 2020, arXiv:1810.05934), with a memory that survives a killed sweep."""

from collections.abc import Iterable, Mapping
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler

from sweeps.plan import Sweep, SweepDir
from sweeps.rows import trial_name
from trainer.monitoring.metrics_file import read_metrics


def rungs(sweep: Sweep, *, reduction_factor: int) -> dict[str, Any]:
    """Where ASHA's rungs stand in a sweep, as Tune's scheduler takes it."""
    return {
        "time_attr": "position",
        "max_t": sweep.total,
        "grace_period": min(sweep.report_period, sweep.total),
        "reduction_factor": reduction_factor,
    }


class RememberingAsha(ASHAScheduler):
    """Stops a trial that is worse than the best 1 / reduction_factor of those that reached the same rung before it.

    Rungs stand at 1, 2, 4, ... reports (for a reduction factor of 2), measured in images, which a restart does not
    count twice. A resumed sweep begins with a new scheduler, so what its trials reached is read from their
    metrics.jsonl: else every trial that is left would find empty rungs, and go on however bad it is.

    Args:
        ended: trials of earlier, which do not start again and count all the same.
    """

    def __init__(self, folder: SweepDir, sweep: Sweep, *, ended: Iterable[str] = ()) -> None:
        super().__init__(**rungs(sweep, reduction_factor=sweep.reduction_factor))
        self._folder = folder
        self._ended = {name: read_metrics(folder.run(name).metrics_file) for name in ended}

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        is_set = super().set_search_properties(metric, mode, **spec)
        while self._ended:
            name, history = self._ended.popitem()
            trial = Trial("ended", trial_id=name, stub=True)
            super().on_trial_add(None, trial)  # pyright: ignore[reportArgumentType]  it does not look at the controller
            self._replay(trial, history)
        return is_set

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        super().on_trial_add(tune_controller, trial)
        self._replay(trial, read_metrics(self._folder.run(trial_name(trial)).metrics_file))

    def _replay(self, trial: Trial, history: Iterable[Mapping[str, Any]]) -> None:
        for metrics in history:
            self.on_trial_result(None, trial, dict(metrics))  # pyright: ignore[reportArgumentType]
