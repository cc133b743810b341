"""What each rank runs: `python -m trainer.main runs/NAME`."""

import os
import sys
from pathlib import Path

from sharding.console import PlainConsole, command_line, guard_terminal, make_console
from sharding.errors import DatasetError
from trainer.checkpoints.layout import CheckpointError
from trainer.config.errors import ConfigError
from trainer.engine.deepspeed_config import forget_world
from trainer.evaluation.evaluate import scores_table, table_title
from trainer.loop.setup import open_trainer
from trainer.loop.stop import end_with_launcher
from trainer.loop.trainer import TrainingDivergedError
from trainer.ranks.exits import STOPPED
from trainer.ranks.rendezvous import RendezvousError
from trainer.ranks.world import close_world, init_world
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.rundir import RunDir


def main(folder: Path) -> int:
    """Train the run in `folder` to its end, or continue it; score it. Returns the exit status."""
    end_with_launcher()
    console = make_console()
    rank = os.environ.get("RANK", "0")
    try:
        return _train(RunDir(folder), console)
    # OSError: a full or lost disk under metrics, samples or scores. What was saved before stays whole.
    except (ConfigError, DatasetError, CheckpointError, RendezvousError, TrainingDivergedError, OSError) as error:
        if rank == "0":
            console.error(error)
        elif isinstance(error, DatasetError):  # a shard may be damaged, or out of reach, for one rank alone
            console.error(error, title=f"error on rank {rank}:")
        return 1
    finally:
        forget_world()
        close_world()


def _train(run: RunDir, console: PlainConsole) -> int:
    opened = open_run(run)
    if os.environ.get("RANK", "0") == "0":
        with run.only_process():
            return _train_alone(opened, console)
    return _train_alone(opened, console)


def _train_alone(opened: OpenRun, console: PlainConsole) -> int:
    run = opened.run
    world = init_world(opened.config.engine.device)
    trainer = open_trainer(opened, world=world)
    try:
        finished = trainer.train()
        scores = trainer.finish() if finished else {}
    finally:
        trainer.close()
    if world.is_main and finished:
        if trainer.stop.reason:
            console.print(f"training ended early, after {trainer.position} images: {trainer.stop.reason}")
        if trainer.best_checkpoint is not None:
            console.print(f"best checkpoint: {trainer.best_checkpoint}")
        title = table_title(run, split=opened.subject.final_split, position=trainer.position)
        console.print(scores_table(scores, title=title))
        console.print(f"pictures: {run.evaluation_picture}\nreport:   {run.report_file}")
    elif world.is_main:
        console.print(f"stopped and saved. Continue with: {command_line('diptych', 'train', '--resume', run.path)}")
    return 0 if finished else STOPPED


if __name__ == "__main__":
    guard_terminal()
    sys.exit(main(Path(sys.argv[1])))
