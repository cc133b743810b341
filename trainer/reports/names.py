"""What runs are called where several stand side by side."""

from collections.abc import Sequence

from trainer.config.errors import ConfigError
from trainer.runs.rundir import RunDir


def name_runs(runs: Sequence[RunDir]) -> list[str]:
    """The shortest ends of the runs' paths that differ."""
    paths = [run.path.resolve().parts for run in runs]
    for length in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-length:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    raise ConfigError("runs", str(runs[0].path), "is given twice; give each run once.")
