"""One rank's part of the newest checkpoint is damaged: both go on from the one before, and say which file it was."""

import contextlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.distributed.launcher import run_ranks
from tests.distributed.test_full_disk import checkpoints_of
from trainer.checkpoints.layout import EMA_FILE, STATE_FILE
from trainer.checkpoints.progress import Progress
from trainer.ranks.world import World

OLDER, NEWER = "00000008", "00000016"
PART = "generator/state/zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"


class Loaded(NamedTuple):
    """What a rank tells of a resume."""

    name: str
    step: int
    rank_states: list[dict]
    said: str


def flip(path: Path) -> None:
    """The lowest bit of the byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


CHANGED = "has changed since it was written: its checksum does not fit"
DAMAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "flipped-0": (flip, PART.format(rank=0), CHANGED),
    "flipped-1": (flip, PART.format(rank=1), CHANGED),
    "flipped-ema": (flip, EMA_FILE, CHANGED),
    "cut-1": (cut, PART.format(rank=1), "has "),
    "gone-1": (Path.unlink, PART.format(rank=1), "is missing"),
    "cut-manifest": (cut, STATE_FILE, "is not JSON"),
    "no-manifest": (Path.unlink, STATE_FILE, ""),
}
"""What is done to which file of the newer one, and what is said of that file."""


def save_twice(world: World, folder: Path) -> dict[str, Loaded]:
    """And resume from a copy for each kind of damage."""
    checkpoints = checkpoints_of(world, folder / "whole", stage=1)
    for step in (1, 2):
        checkpoints.save(Progress(position=8 * step, step=step), rank_state={"rank": world.rank, "step": step})
    checkpoints.wait()
    loaded = {}
    for kind, (damage, name, _) in DAMAGES.items():
        checkpoints.folder = folder / kind
        if world.is_main:
            shutil.copytree(folder / "whole", checkpoints.folder)
            damage(checkpoints.folder / NEWER / name)
        world.barrier()
        with contextlib.redirect_stderr(io.StringIO()) as said:
            found = checkpoints.load()
        assert found is not None
        loaded[kind] = Loaded(found.folder.name, found.progress.step, found.rank_states, said.getvalue())
    checkpoints.close()
    return loaded


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Loaded]]:
    return run_ranks(save_twice, 2, tmp_path_factory.mktemp("checkpoints"))


@pytest.mark.parametrize("kind", DAMAGES)
def test_both_ranks_go_on_from_the_one_before(kind: str, outcomes) -> None:
    for rank, loaded in enumerate(outcomes):
        found = loaded[kind]
        assert (found.name, found.step, found.rank_states) == (OLDER, 1, [{"rank": rank, "step": 1}])


@pytest.mark.parametrize("kind", DAMAGES)
def test_it_is_said_once_what_is_damaged_and_what_is_used(kind: str, outcomes) -> None:
    main, other = (" ".join(loaded[kind].said.split()) for loaded in outcomes)
    _, name, fault = DAMAGES[kind]
    assert f"{NEWER} is damaged: " + (f"{name} {fault}" if fault else f"it holds no {name}") in main
    assert f"{OLDER} is used instead." in main
    assert other == ""
