"""The newest checkpoint that is whole is used: any changed bit, file or link in a newer one is noticed."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from itertools import count, takewhile
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch

from sharding.storage.records import RecordError
from tests.distributed.launcher import run_ranks
from trainer.checkpoints import publish as publishing
from trainer.checkpoints.layout import (
    CheckpointError,
    CheckpointState,
    checkpoint_folders,
    describe_files,
    files_of_rank,
    latest_checkpoint,
    numbered_folders,
    read_state,
    write_state,
)
from trainer.checkpoints.publish import prune, publish
from trainer.checkpoints.whole import WholeCheckpoint, newest_whole_checkpoint
from trainer.ranks.world import World, lone_world

ALONE = lone_world(torch.device("cpu"))
FILES = (
    "ema.pt",
    "generator/state/mp_rank_00_model_states.pt",
    "generator/state/zero_pp_rank_0_mp_rank_00_optim_states.pt",
    "generator/state/zero_pp_rank_1_mp_rank_00_optim_states.pt",
    "pools-0000.pt",
    "pools-0001.pt",
)


def write_checkpoint(folder: Path, *, position: int, world_size: int = 2) -> Path:
    """With files of the right names, and no weights in them: nothing here loads any."""
    made = folder / f"{position:08d}"
    for name in FILES:
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{name} after {position} images".encode())
    files = describe_files(made)
    ranks = [{"rank": rank} for rank in range(world_size)]
    state = CheckpointState(position=position, step=1, world_size=world_size, ranks=ranks, files=files)
    write_state(made, state)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints after 8 and 16 images."""
    for position in (8, 16):
        write_checkpoint(tmp_path, position=position)
    return tmp_path


def newest(folder: Path) -> WholeCheckpoint:
    found = newest_whole_checkpoint(folder, world=ALONE)
    assert found is not None
    return found


def flip(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_each_file_is_described_by_one_rank_and_read_by_one_at_least(folder: Path):
    state = read_state(folder / "00000016")
    assert state.files is not None
    assert set(state.files) == set(FILES)
    parts = [files_of_rank(state, rank=rank, world_size=2) for rank in (0, 1)]
    assert parts[0] | parts[1] == set(FILES)
    assert parts[0] ^ parts[1] == {name for name in FILES if "pools" in name or "zero_pp" in name}
    assert files_of_rank(state, rank=0, world_size=1) == set(FILES), "dealt anew, so all of them are read"


def test_the_newest_is_used_if_it_is_whole(folder: Path):
    found = newest(folder)
    assert (found.folder.name, found.state.position, found.notes) == ("00000016", 16, [])


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_anywhere_is_noticed(name: str, folder: Path):
    flip(folder / "00000016" / name)
    found = newest(folder)
    assert found.folder.name == "00000008"
    (note,) = found.notes
    assert f"00000016 is damaged: {name} has changed since it was written" in note
    assert f"{folder / '00000008'} is used instead" in note


def test_no_bit_of_the_state_can_be_flipped(folder: Path):
    path = folder / "00000016" / "state.json"
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        flip(path, place)
        with pytest.raises(RecordError, match=r"^state\.json "):
            read_state(path.parent)
        path.write_bytes(whole)


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def extra(path: Path) -> None:
    (path.parent / "zero_to_fp32.py").write_text("print('run me')")


def extra_link(path: Path) -> None:
    (path.parent / "more").symlink_to(path.parent.parent)


@pytest.mark.parametrize("damage", [remove, cut, link, as_pipe, extra, extra_link])
def test_other_files_than_were_written_are_noticed(damage: Callable[[Path], None], folder: Path):
    damage(folder / "00000016" / FILES[1])
    found = newest(folder)
    assert found.folder.name == "00000008"
    assert "00000016 is damaged: generator/state/" in found.notes[0]


def test_who_needs_one_file_is_content_with_it(folder: Path):
    newer = folder / "00000016"
    flip(newer / FILES[1])
    (newer / FILES[2]).unlink()
    found = newest_whole_checkpoint(folder, world=ALONE, names=["ema.pt"])
    assert found is not None
    assert found.folder == newer
    flip(newer / "ema.pt")
    found = newest_whole_checkpoint(folder, world=ALONE, names=["ema.pt"])
    assert found is not None
    assert found.folder.name == "00000008"


@pytest.mark.parametrize(
    "changes",
    [
        {"position": "16"},
        {"position": -16},
        {"position": 10**400},
        {"position": float("nan")},
        {"position": 24},
        {"world_size": 3},
        {"world_size": 0},
        {"ranks": {}},
        {"step": None},
        {"files": {"ema.pt": {"num_bytes": -1, "sha256": "0" * 64}}},
        {"files": {"ema.pt": {"num_bytes": 1, "sha256": "../x"}}},
        {"more": 1},
    ],
)
@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_state_with_impossible_values_is_refused(changes: dict, is_sealed: bool, folder: Path):
    from sharding.storage.seal import seal

    path = folder / "00000016" / "state.json"
    record = json.loads(path.read_bytes()) | changes
    del record["sha256"]
    if not is_sealed:
        record = {key: value for key, value in record.items() if key != "files" or "files" in changes}
    content = json.dumps(record, indent=1).encode()
    path.write_bytes(seal(content) if is_sealed else content)
    with pytest.raises(RecordError, match=r"^state\.json "):
        read_state(path.parent)
    assert newest(folder).folder.name == "00000008"


def test_names_out_of_the_folder_are_no_files_of_it(folder: Path):
    made = folder / "00000016"
    (folder / "secret").write_text("x")
    state = read_state(made)
    assert state.files is not None
    files = state.files | {"../secret": state.files["ema.pt"]}
    write_state(made, CheckpointState(position=16, step=1, world_size=2, ranks=[{}, {}], files=files))
    assert "../secret is missing" in newest(folder).notes[0]


def test_none_whole_is_an_error_with_each_reason(folder: Path):
    flip(folder / "00000016" / "ema.pt")
    shutil.rmtree(folder / "00000008" / "generator")
    with pytest.raises(CheckpointError, match=r"(?s)00000016 is damaged: ema\.pt has.*00000008 is damaged: .*missing"):
        newest_whole_checkpoint(folder, world=ALONE)


def test_no_checkpoint_at_all_is_a_beginning(tmp_path: Path):
    assert newest_whole_checkpoint(tmp_path, world=ALONE) is None
    assert newest_whole_checkpoint(tmp_path / "none", world=ALONE) is None


def test_order_is_that_of_numbers(tmp_path: Path):
    for position in (99_999_999, 100_000_000):
        write_checkpoint(tmp_path, position=position)
    latest = latest_checkpoint(tmp_path)
    assert latest is not None
    assert latest.name == "100000000"


@pytest.mark.parametrize("name", ["00000016", ""])
def test_a_linked_folder_is_refused(name: str, folder: Path, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other")
    path = folder / name
    shutil.rmtree(path)
    path.symlink_to(other)
    with pytest.raises(CheckpointError, match="is a link to"):
        numbered_folders(folder)


def test_only_checkpoints_are_pruned_and_damaged_later_ones_do_not_count(folder: Path):
    """`keep` are kept of those up to now: a damaged one of a later position takes nobody's place."""
    flip(write_checkpoint(folder, position=40) / "ema.pt")
    write_checkpoint(folder, position=24)
    (folder / "00000004").mkdir()
    (folder / "00000004" / "thesis.txt").write_text("mine")
    (folder / "7 ideas").mkdir()
    prune(folder / "00000024", keep=1)
    assert sorted(path.name for path in folder.iterdir()) == ["00000004", "00000024", "00000040", "7 ideas"]


def test_what_is_no_checkpoint_is_put_aside_not_removed(folder: Path):
    thesis = folder / "00000024"
    thesis.mkdir()
    (thesis / "thesis.txt").write_text("mine")
    temporary = write_checkpoint(folder, position=32).rename(folder / ".00000024.tmp")
    publish(temporary, thesis)
    assert thesis in checkpoint_folders(folder)
    (aside,) = folder.glob("00000024.replaced-*")
    assert (aside / "thesis.txt").read_text() == "mine"
    assert thesis.is_dir()


def kill_at(call: int, name: str, work: Callable[[], None]) -> bool:
    """Do the work in a process that is killed at its n-th call of a function of `publish`. Whether it was."""
    child = os.fork()
    if child == 0:
        calls = iter(range(1, call))
        *path, name = name.split(".")
        module = attrgetter(*path)(publishing) if path else publishing
        original = getattr(module, name)

        def killed(*args: Any, **options: Any) -> None:
            if next(calls, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            original(*args, **options)

        setattr(module, name, killed)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize(("name", "at_least"), [("sync", 10), ("shutil.rmtree", 2)])
def test_whenever_publishing_is_killed_a_checkpoint_is_whole_or_absent(
    name: str, at_least: int, tmp_path: Path
) -> None:
    """At each of its steps to the disk in turn, until one is reached that it does not take."""
    folders = (tmp_path / str(call) for call in count(1))
    num_kills = sum(1 for _ in takewhile(lambda folder: publish_killed(folder, name), folders))
    assert num_kills >= at_least


def publish_killed(folder: Path, name: str) -> bool:
    for position in (8, 16):
        write_checkpoint(folder, position=position)
    temporary, final = folder / ".00000024.tmp", folder / "00000024"
    write_checkpoint(folder, position=24).rename(temporary)

    def work() -> None:
        publish(temporary, final)
        prune(final, keep=1)

    was_killed = kill_at(int(folder.name), name, work)
    newest = newest_whole_checkpoint(folder, world=ALONE)
    assert newest is not None
    assert newest.notes == [], "nothing passes for damaged"
    assert newest.folder.name == ("00000016" if temporary.exists() else "00000024")
    assert was_killed or [path.name for path in folder.iterdir()] == ["00000024"]
    return was_killed


def look(world: World, folder: Path) -> tuple[str, list[str]]:
    found = newest_whole_checkpoint(folder, world=world)
    assert found is not None
    return found.folder.name, found.notes


def test_ranks_agree_when_only_one_sees_the_damage(folder: Path):
    flip(folder / "00000016" / "pools-0001.pt")  # which rank 0 does not read
    first, second = run_ranks(look, 2, folder)
    assert first == second
    assert first[0] == "00000008"
    assert "pools-0001.pt has changed" in first[1][0]
