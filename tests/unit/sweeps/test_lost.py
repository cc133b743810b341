"""Which failures of a trial do not count as its own."""

from pathlib import Path

from ray import cloudpickle
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from sweeps.tune.lost import is_lost


def test_only_a_trial_that_is_gone_itself_has_lost_its_machine(tmp_path: Path) -> None:
    own = RayTaskError("ResourceTrainable.train", "Traceback ...", ActorDiedError())
    errors = {"gone": ActorDiedError(), "out of reach": ActorUnavailableError("Socket closed", None), "its own": own}
    for name, error in errors.items():
        (tmp_path / name).write_bytes(cloudpickle.dumps(error))
    assert {name for name in errors if is_lost(str(tmp_path / name))} == {"gone", "out of reach"}
    assert not is_lost(None)
