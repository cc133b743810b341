"""`diptych launch [PRESET]`: make the embedded data set if needed, train, evaluate: the whole job."""

from launch.embedded import require_makeable
from launch.run_options import parse_train


def main(argv: list[str]) -> int:
    """Continue the preset's unfinished run, or start a new one. Returns the exit status.

    Raises:
        ConfigError: an impossible setting.
        DatasetError: the data set is missing or damaged, or could not be made.
    """
    preset, options = parse_train(argv, prog="diptych launch")
    if options.machines.are_here:
        require_makeable(options.config.data.path)
    from launch.whole_job import do_whole_job  # which loads what starts ranks: not for who is told of a mistake

    return do_whole_job(argv, options, preset=preset)
