from trainer.rundir import RunDir


def write_report(run: RunDir) -> None: ...
