"""`diptych sweep [PRESET]`: search loss weights and architectures with Ray Tune; `diptych sweep best SWEEP`."""

from sweeps.best.cli import best_command
from sweeps.cli import sweep_command


def main(argv: list[str]) -> int:
    """Start a sweep, or continue one, or make a preset of what it found. Returns the exit status.

    Raises as `sweep_command` and `best_command`.
    """
    return best_command(argv[1:]) if argv[:1] == ["best"] else sweep_command(argv)
