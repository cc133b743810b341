"""All ranks do what one of them is asked for, at the same step."""

from pathlib import Path

from tests.distributed.launcher import run_ranks
from trainer.loop.requests import Requests
from trainer.loop.stop import StopFlag
from trainer.ranks.world import World
from trainer.runs.control import Request, ask, asked


def _agree(world: World, run: Path) -> list[Request]:
    """By a file, which rank 0 alone looks for; then by a signal to rank 1."""
    stop = StopFlag()
    requests = Requests(run, world=world, stop=stop)
    heard = [requests.agreed()]
    stop.is_set = world.rank == 1
    return [*heard, requests.agreed()]


def test_all_ranks_hear_what_one_is_asked(tmp_path: Path) -> None:
    ask(tmp_path, Request.SAVE)
    assert run_ranks(_agree, 2, tmp_path) == [[Request.SAVE, Request.STOP]] * 2
    assert asked(tmp_path) == Request.NONE
