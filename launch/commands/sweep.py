"""`diptych sweep [PRESET]`: search loss weights and architectures with Ray Tune."""

from sweeps.cli import sweep_command


def main(argv: list[str]) -> int:
    """Start a sweep, or continue one. Returns the exit status. Raises as `sweep_command`."""
    return sweep_command(argv)
