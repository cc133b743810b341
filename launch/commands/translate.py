"""`diptych translate RUN`: translate a folder of images of any size, or change their label."""

from pathlib import Path

import tyro

from launch.translation_options import TranslateOptions
from trainer.checkpoints.given import require_given
from trainer.inference.finding import require_there
from trainer.inference.shards.asked import is_shards
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


def main(argv: list[str]) -> int:
    """Translate pictures. Returns the exit status. Raises as `translate`."""
    return translate(tyro.cli(TranslateOptions, args=argv, prog="diptych translate"))


def translate(options: TranslateOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    opened = open_run(RunDir(options.run), data_path=options.data_path, needs_data=False)
    require_given(options.checkpoint, checkpoints=opened.run.checkpoints)
    if isinstance(options.source, Path) and not is_shards(options.source):
        require_there(options.source)
    from launch.translating import carry_out  # what reads pictures is not for who is told of a mistake

    return carry_out(options, opened)
