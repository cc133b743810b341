"""One run is trained by the ranks of one trial at a time."""

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from sweeps.tune.rank import take
from trainer.config.errors import ConfigError
from trainer.runs.rundir import RunDir


def test_ranks_of_a_killed_sweep_are_waited_for(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    with ExitStack() as former, ExitStack() as lock:
        former.enter_context(run.only_process())
        with pytest.raises(ConfigError, match="is in use by process"):
            take(run, lock, patience_s=0)
        timer = threading.Timer(0.1, former.close)
        timer.start()
        take(run, lock, patience_s=60)
        timer.join()
        with pytest.raises(ConfigError, match="is in use by process"):
            take(run, former, patience_s=0)
    take(run, ExitStack(), patience_s=0)
