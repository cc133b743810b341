"""Tune's ASHA (Li et al. 2020, arXiv:1810.05934), with a memory that survives a killed sweep."""

from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler

from sweeps.plan import Sweep, SweepDir
from trainer.logging.jsonl import read_metrics


class RememberingAsha(ASHAScheduler):
    """Stops a trial that is worse than the best 1 / reduction_factor of those that reached the same rung before it.

    Rungs stand at 1, 2, 4, ... reports (for a reduction factor of 2), measured in images, which a restart does not
    count twice. Tune restores a killed sweep's trials but not its scheduler, so what they reached is read from their
    metrics.jsonl: else every restored trial would find empty rungs, and go on however bad it is.
    """

    def __init__(self, folder: SweepDir, sweep: Sweep) -> None:
        super().__init__(
            time_attr="position",
            max_t=sweep.total,
            grace_period=min(sweep.report_period, sweep.total),
            reduction_factor=sweep.reduction_factor,
        )
        self._runs: Path = folder.trials

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        super().on_trial_add(tune_controller, trial)
        for metrics in read_metrics(self._runs / trial.trial_id / "metrics.jsonl"):
            self.on_trial_result(tune_controller, trial, metrics)
