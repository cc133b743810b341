"""`diptych launch [PRESET]`: make the embedded data set if needed, train, evaluate: the whole job."""

from dataclasses import replace

from launch.embedded import ensure_dataset
from launch.folders import newest_folder
from launch.ranks.local import start_ranks
from launch.starting import TrainOptions, check_dataset, new_subject, parse_train, same_config, same_origin, start_new
from sharding.console import make_console
from trainer.runs.rundir import RunDir


def main(argv: list[str]) -> int:
    """Continue the preset's unfinished run, or start a new one. Returns the exit status.

    Raises:
        ConfigError: an impossible setting.
        DatasetError: the data set is missing or damaged, or could not be made.
    """
    preset, options = parse_train(argv, prog="diptych launch")
    ensure_dataset(options.config.data.path)
    check_dataset(options.config)
    unfinished = unfinished_run(options, preset)
    if unfinished is None:
        return start_new(options, preset=preset)
    make_console().print(f"{unfinished.path} is not finished: continuing it.")
    return start_ranks(unfinished.path, config=options.config, asked=options.num_procs)


def unfinished_run(options: TrainOptions, preset: str) -> RunDir | None:
    """The preset's newest run, if it has the same configuration and first weights, and was not finished."""
    newest = newest_folder(options.runs, asked=options.name, otherwise=preset)
    if newest is None or not (run := RunDir(newest)).run_file.is_file():
        return None
    if not same_config(run, options.config) or not same_origin(run, options.source):
        return None
    # `diptych evaluate` scores stopped runs, too: scores alone do not tell that a run is finished.
    subject = replace(new_subject(options.config), held_out=run.held_out())
    return None if run.is_finished(subject.final_split) else run
