"""A machine that is lost is no fault of the trials that ran there."""

from pathlib import Path

from ray import cloudpickle
from ray.exceptions import RayTaskError
from ray.tune import Callback
from ray.tune.experiment import Trial

_MOST = 20
"""Machines that one trial may lose: more is a fault of the cluster, which somebody should look at."""


class LostMachines(Callback):
    """Lets a trial begin once more for each machine that it lost, beyond the failures that it may have of its own."""

    def __init__(self) -> None:
        self._num_lost: dict[str, int] = {}

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        num_lost = self._num_lost.get(trial.trial_id, 0)
        if num_lost < _MOST and is_lost(trial.pickled_error_file):
            self._num_lost[trial.trial_id] = num_lost + 1
            trial.max_failures += 1


def is_lost(error_file: str | None) -> bool:
    """Whether the trial itself is gone, or out of reach: it only waits for its ranks, whose failures it tells.

    Args:
        error_file: a pickle that Tune has just made of its latest error.
    """
    if error_file is None:
        return False
    with Path(error_file).open("rb") as file:
        return not isinstance(cloudpickle.load(file), RayTaskError)
