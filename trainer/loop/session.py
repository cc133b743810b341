"""One rank's part of a run, from joining the others to the last words on the console."""

from sharding.console import PlainConsole, command_line
from trainer.engine.deepspeed_config import forget_world
from trainer.evaluation.tables import scores_table, table_title
from trainer.loop.errors import failures_recorded
from trainer.loop.requests import forget_old_requests
from trainer.loop.setup import open_trainer
from trainer.loop.status import attempt
from trainer.loop.trainer import Trainer
from trainer.ranks.all_reduce import time_all_reduce
from trainer.ranks.collector import collector_paused
from trainer.ranks.exits import FINISHED, STOPPED
from trainer.ranks.failures import described
from trainer.ranks.roll_call import roll_called
from trainer.ranks.world import World, close_world, init_world
from trainer.runs.opened import OpenRun


def train_run(opened: OpenRun, console: PlainConsole) -> int:
    """Train to the end, or until told to stop, then score. Returns FINISHED or STOPPED."""
    try:
        return _train(opened, console)
    finally:
        forget_world()
        close_world()


def _train(opened: OpenRun, console: PlainConsole) -> int:
    world = init_world(opened.config.engine.device)
    opened.config.engine.require_device(world.device.type, within="engine.")
    with failures_recorded(), roll_called(world):
        if len(set(world.hosts)) > 1:
            _try_network(world, console)
        with collector_paused():  # DeepSpeed and W&B are imported within
            trainer = open_trainer(opened, world=world)
    if world.is_main:
        _forget_old_requests(opened, console)
    outcome = "failed"
    try:
        with failures_recorded(), roll_called(world):  # before anything is closed, which may wait for others
            finished = trainer.train()
            scores = trainer.finish() if finished else {}
        outcome = "finished" if finished else "stopped"
    except Exception as error:
        outcome = f"failed: {described(error)}"[:1000]
        raise
    finally:
        try:
            trainer.close()
        finally:
            trainer.tell("ended", outcome=outcome)
    if world.is_main and finished:
        _tell_end(opened, trainer, scores, console)
    elif world.is_main:
        console.print(
            f"stopped and saved. Continue with: {command_line('diptych', 'train', '--resume', opened.run.path)}"
        )
    return FINISHED if finished else STOPPED


def _forget_old_requests(opened: OpenRun, console: PlainConsole) -> None:
    """Those of before the launch. What is asked between two attempts of one is obeyed by the next."""
    if attempt() > 1:
        return
    for kind in forget_old_requests(opened.run.path):
        console.print(f"control/{kind} was there before this start, and is removed: it asked an earlier one.")


def _try_network(world: World, console: PlainConsole) -> None:
    """Between hosts a sum that is wrong, or takes seconds, is known before training depends on it."""
    found = time_all_reduce(world)
    if world.is_main:
        console.print(str(found))


def _tell_end(opened: OpenRun, trainer: Trainer, scores: dict[str, float], console: PlainConsole) -> None:
    run = opened.run
    if trainer.stop.reason:
        console.print(f"training ended early, after {trainer.position} images: {trainer.stop.reason}")
    if trainer.best_checkpoint is not None:
        console.print(f"best checkpoint: {trainer.best_checkpoint}")
    title = table_title(run, split=opened.subject.final_split, position=trainer.position)
    console.print(scores_table(scores, title=title))
    console.print(f"pictures: {run.evaluation_picture}\nreport:   {run.report_file}")
