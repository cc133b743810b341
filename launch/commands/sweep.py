"""`diptych sweep [PRESET]`: search loss weights and architectures; `diptych sweep best SWEEP` takes what it found."""


def main(argv: list[str]) -> int:
    """Start a sweep, or continue one, or do something with one that has ended. Returns the exit status.

    Raises as `sweeps.cli.sweep_command` and the commands of a sweep. Each loads its own alone.
    """
    if argv[:1] == ["best"]:
        from sweeps.best.cli import best_command

        return best_command(argv[1:])
    if argv[:1] == ["workspace"]:
        from sweeps.workspace import workspace_command

        return workspace_command(argv[1:])
    from sweeps.cli import sweep_command

    return sweep_command(argv)
