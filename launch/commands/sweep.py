"""`diptych sweep [PRESET]`: search loss weights and architectures; `diptych sweep best|workspace SWEEP`."""

from sweeps.best.cli import best_command
from sweeps.cli import sweep_command
from sweeps.workspace import workspace_command

_OF_A_SWEEP = {"best": best_command, "workspace": workspace_command}


def main(argv: list[str]) -> int:
    """Start a sweep, or continue one, or do something with one that has ended. Returns the exit status.

    Raises as `sweep_command` and the commands of a sweep.
    """
    command = _OF_A_SWEEP.get(argv[0]) if argv else None
    return sweep_command(argv) if command is None else command(argv[1:])
