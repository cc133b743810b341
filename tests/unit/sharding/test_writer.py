"""A data set is whole or absent: determinism, re-use, replacement, kill, full disk."""

import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.verifying.verify import verify
from sharding.work.plan import Draft, Sample
from sharding.writing.drafts import plan_shards
from sharding.writing.journal import Finished, open_workspace
from sharding.writing.shard_file import write_shard
from tests.unit.sharding.files import Run, contents

COMMAND = [sys.executable, "-m", "sharding.cli", "pairs"]
ROOT = Path(__file__).resolve().parents[3]


def test_shards_do_not_depend_on_workers_or_day(pairs: Path, tmp_path: Path, shard: Run) -> None:
    make = ("pairs", "--folder", pairs)
    assert shard(*make, "--out", tmp_path / "1" / "set", "--workers", 1)[0] == 0
    time.sleep(1.1)  # a tar's times are whole seconds
    assert shard(*make, "--out", tmp_path / "4" / "set", "--workers", 4)[0] == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "4")
    assert len(contents(tmp_path / "1")) == 7


def test_shards_hold_at_most_so_many_samples(pairs: Path, tmp_path: Path, shard: Run) -> None:
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "out", "--shard-samples", 4)[0] == 0
    shards = read_manifest(tmp_path / "out").splits["train"]
    assert [(shard.path, shard.num_samples) for shard in shards] == [
        ("train/000000.tar", 4),
        ("train/000001.tar", 4),
        ("train/000002.tar", 2),
    ]
    assert [file.stat().st_size for file in sorted((tmp_path / "out/train").glob("*.tar"))] == [
        shard.num_bytes for shard in shards
    ]


def test_shards_hold_about_so_many_bytes() -> None:
    drafts = [Draft(key=str(size), split="train", origin=size) for size in (4, 6, 1, 30, 2, 3, 4)]
    shards = plan_shards(drafts, max_samples=2, max_bytes=10, num_bytes=lambda draft: draft.origin)
    assert [[draft.key for draft in shard.drafts] for shard in shards] == [["4", "6"], ["1"], ["30"], ["2", "3"], ["4"]]


def test_neighbouring_files_do_not_share_shards_in_order(pairs: Path, tmp_path: Path, shard: Run) -> None:
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "out")[0] == 0
    lines = (tmp_path / "out/train/000000.idx").read_text().splitlines()[1:]
    keys = [line.split()[3] for line in lines]
    assert keys != sorted(keys)


def test_the_same_set_is_left_alone_and_another_is_not_replaced(pairs: Path, tmp_path: Path, shard: Run) -> None:
    out = tmp_path / "out"
    make = ("pairs", "--folder", pairs, "--out", out)
    assert shard(*make)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    code, said = shard(*make)
    assert (code, "already there" in said) == (0, True)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before

    old = contents(out)
    code, said = shard(*make, "--size", 16)
    assert (code, "--overwrite" in said) == (1, True)
    assert contents(out) == old
    assert shard(*make, "--size", 16, "--overwrite")[0] == 0
    assert read_manifest(out).views["a"].width == 16
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pairs"]


def test_a_changed_input_is_another_set(pairs: Path, tmp_path: Path, shard: Run) -> None:
    make = ("pairs", "--folder", pairs, "--out", tmp_path / "out")
    assert shard(*make)[0] == 0
    Image.new("RGB", (64, 32)).save(pairs / "new.png")
    assert shard(*make)[0] == 1
    assert shard(*make, "--overwrite")[0] == 0
    assert sum(map(read_manifest(tmp_path / "out").num_samples, ("train", "val", "test"))) == 13


@pytest.mark.parametrize("option", [(), ("--overwrite",)])
def test_foreign_files_are_never_removed(pairs: Path, tmp_path: Path, shard: Run, option: tuple) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out", *option)
    assert (code, "thesis.txt" in said) == (1, True)
    assert contents(tmp_path / "out") == {"thesis.txt": b"years of work"}
    assert not (tmp_path / "out.partial").exists()


def test_a_failed_replacement_keeps_the_old_set(pairs: Path, tmp_path: Path, shard: Run) -> None:
    make = ("pairs", "--folder", pairs, "--out", tmp_path / "out")
    assert shard(*make)[0] == 0
    old = contents(tmp_path / "out")
    data = (pairs / "003.png").read_bytes()
    (pairs / "003.png").write_bytes(data[: len(data) // 2])
    code, said = shard(*make, "--overwrite")
    assert (code, "003.png" in said) == (1, True)
    assert contents(tmp_path / "out") == old
    assert not (tmp_path / "out.partial").exists()


def test_a_replacement_killed_between_its_renames_is_undone(pairs: Path, tmp_path: Path, shard: Run) -> None:
    make = ("pairs", "--folder", pairs, "--out", tmp_path / "out")
    assert shard(*make)[0] == 0
    old = contents(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "out.replaced")
    assert shard(*make)[0] == 0
    assert contents(tmp_path / "out") == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pairs"]


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from sharding.sources.pairs import PairsOptions
from sharding.writing.options import WriteOptions
from sharding.writing.writer import make_dataset

def kill_at_seven(done, total):
    if done == 7:
        os.kill(os.getpid(), signal.SIGKILL)

options = WriteOptions(out=Path(sys.argv[2]), shard_samples=2, workers=1)
make_dataset(PairsOptions(folder=Path(sys.argv[1])), options, progress=kill_at_seven)
"""


def test_a_killed_run_leaves_no_data_set_and_is_continued(pairs: Path, tmp_path: Path, shard: Run) -> None:
    out, partial = tmp_path / "out", tmp_path / "out.partial"
    process = subprocess.run([sys.executable, "-c", KILLED, pairs, out], cwd=ROOT, check=False, timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    with pytest.raises(DatasetError, match="no finished data set"):
        read_manifest(partial)
    assert sorted(path.name for path in partial.glob("train/*.tar")) == [f"{i:06d}.tar" for i in range(4)]
    first = partial / "train/000000.tar"
    before = first.stat().st_ino, first.stat().st_mtime_ns
    (partial / "train/000001.tar").write_bytes(b"torn")

    make = ("pairs", "--folder", pairs, "--shard-samples", 2, "--workers", 1)
    assert shard(*make, "--out", out)[0] == 0
    assert not partial.exists()
    first = out / "train/000000.tar"
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == before, "the finished shard was made again"
    assert verify(out) == []
    assert shard(*make, "--out", tmp_path / "other/out")[0] == 0
    assert contents(out) == contents(tmp_path / "other/out")


def test_what_another_command_left_is_not_continued(pairs: Path, tmp_path: Path, shard: Run) -> None:
    workspace = open_workspace(tmp_path / "out.partial", fingerprint="another plan")
    (workspace.folder / "train").mkdir()
    (workspace.folder / "train" / "000000.tar").write_bytes(b"of another plan")
    workspace.journal.close()
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "out")[0] == 0
    assert verify(tmp_path / "out") == []


def test_a_journal_torn_by_a_kill_keeps_what_stands_before(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path, fingerprint="x")
    samples = [Sample(key="k", split="train", members={"a.jpg": b"1"})]
    for number in range(3):
        shard = write_shard(tmp_path, f"train/{number:06d}.tar", samples)
        assert shard is not None
        workspace.record(Finished(split="train", shard=shard))
    workspace.journal.close()
    journal = tmp_path / "journal.jsonl"
    journal.write_text(journal.read_text()[:-20])

    again = open_workspace(tmp_path, fingerprint="x")
    again.journal.close()
    assert [shard.path for shard in again.splits()["train"]] == ["train/000000.tar", "train/000001.tar"]
    assert not (tmp_path / "train/000002.tar").exists()
    assert len(journal.read_text().splitlines()) == 3


def test_two_runs_do_not_write_one_set(pairs: Path, tmp_path: Path, shard: Run) -> None:
    workspace = open_workspace(tmp_path / "out.partial", fingerprint="x")
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out")
    assert (code, "another run" in said) == (1, True), said
    assert workspace.folder.is_dir()
    workspace.discard()
    assert shard("pairs", "--folder", pairs, "--out", tmp_path / "out")[0] == 0


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def run_with_small_files(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Without bytecode: Python 3.11 leaves what was cut off in the place of a module that it imports first."""
    return subprocess.run(
        [command[0], "-B", *command[1:]],
        cwd=ROOT,
        preexec_fn=limit_file_size,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_full_disk_is_named_and_nothing_is_left(pairs: Path, tmp_path: Path) -> None:
    """A limit on the size of files, because it needs no rights: the same failed write, EFBIG in place of ENOSPC."""
    command = [*COMMAND, "--folder", str(pairs), "--out", str(tmp_path / "out")]
    result = run_with_small_files(command)
    assert result.returncode == 1, result.stderr
    assert "train/000000.tar cannot be written (File too large). Free some space" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs"]


def test_a_full_folder_for_temporary_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    image = np.zeros((1, 1, 1), np.uint8)
    for index in range(1250):
        np.save(tmp_path / "in" / f"{'long' * 20}-{index:05d}.npy", image)
    command = [sys.executable, "-m", "sharding.cli", "images", "--folder", str(tmp_path / "in"), "--workers", "1"]
    command += ["--out", str(tmp_path / "out"), "--store", "original", "--shard-samples", "5"]
    # Large enough for every shard, and too small for SQLite's file.
    result = run_with_small_files(command)
    assert (result.returncode, "SQLITE_TMPDIR" in result.stderr) == (1, True), result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_out_below_a_file_is_named(pairs: Path, tmp_path: Path, shard: Run) -> None:
    (tmp_path / "file").write_text("")
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "file" / "out")
    assert (code, "file" in said, "Traceback" in said) == (1, True, False), said


def test_an_address_is_no_folder(pairs: Path, shard: Run) -> None:
    code, said = shard("pairs", "--folder", pairs, "--out", "s3://bucket/set")
    assert (code, "is an address" in said) == (2, True), said


def own_folder(folder: Path, names: list[str]) -> dict[str, bytes]:
    """A folder of the user's, and what it holds."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"years of work")
    return contents(folder)


@pytest.mark.parametrize("suffix", [".partial", ".replaced"])
@pytest.mark.parametrize(
    "names", [["thesis.txt"], ["train/000000.tar"], ["journal.jsonl"], ["journal.jsonl", "train/000000.tar"], ["a/b/c"]]
)
def test_a_folder_of_the_user_s_beside_the_set_is_left_alone(
    pairs: Path, tmp_path: Path, shard: Run, suffix: str, names: list[str]
) -> None:
    folder = tmp_path / f"out{suffix}"
    before = own_folder(folder, names)
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out")
    assert (code, f"out{suffix} is where" in said, "Move " in said) == (1, True, True), said
    assert names[0] in said
    assert contents(folder) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", [".partial", ".replaced"])
def test_a_linked_folder_beside_the_set_is_not_followed(pairs: Path, tmp_path: Path, shard: Run, suffix: str) -> None:
    before = own_folder(tmp_path / "own", ["thesis.txt"])
    (tmp_path / f"out{suffix}").symlink_to(tmp_path / "own")
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out")
    assert (code, "is a link to" in said) == (1, True), said
    assert contents(tmp_path / "own") == before


@pytest.mark.parametrize("name", ["train", "dataset.json", "journal.jsonl", "train/000000.tar", "rejected.jsonl"])
def test_links_in_an_unfinished_set_are_not_followed(pairs: Path, tmp_path: Path, shard: Run, name: str) -> None:
    before = own_folder(tmp_path / "own", ["000000.tar"])
    partial = tmp_path / "out.partial"
    open_workspace(partial, fingerprint="x").journal.close()
    (partial / name).parent.mkdir(exist_ok=True)
    (partial / name).unlink(missing_ok=True)
    (partial / name).symlink_to(tmp_path / "own" if name == "train" else tmp_path / "own" / "000000.tar")
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out")
    assert (code, f"it holds {name}" in said) == (1, True), said
    assert contents(tmp_path / "own") == before


def test_a_set_of_shards_that_somebody_else_made_is_not_replaced(pairs: Path, tmp_path: Path, shard: Run) -> None:
    before = own_folder(tmp_path / "out", ["train/000000.tar"])
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out", "--overwrite")
    assert (code, "train/000000.tar" in said) == (1, True), said
    assert contents(tmp_path / "out") == before


def test_a_failed_run_removes_its_own_files_only(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "out.partial", fingerprint="x")
    write_shard(workspace.folder, "train/000000.tar", [Sample(key="k", split="train", members={"a.jpg": b"1"})])
    (workspace.folder / "train" / "thesis.txt").write_text("years of work")
    workspace.discard()
    assert contents(workspace.folder) == {"train/thesis.txt": b"years of work"}


@pytest.mark.parametrize("line", ['{"split": 1}', '{"split": "train", "shard": {"path": "../own/000000.tar"}}', "[]"])
def test_a_journal_with_a_line_of_somebody_else_s_is_not_believed(tmp_path: Path, line: str) -> None:
    open_workspace(tmp_path / "out.partial", fingerprint="x").journal.close()
    with (tmp_path / "out.partial" / "journal.jsonl").open("a") as journal:
        journal.write(line + "\n")
    again = open_workspace(tmp_path / "out.partial", fingerprint="x")
    assert again.finished == []
    again.discard()


def test_a_journal_cannot_list_shards_that_lie_elsewhere(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "own", "000000.tar", [Sample(key="k", split="train", members={"a.jpg": b"1"})])
    assert shard is not None
    workspace = open_workspace(tmp_path / "out.partial", fingerprint="x")
    workspace.record(Finished(split="train", shard=replace(shard, path="../own/000000.tar")))
    workspace.journal.close()
    again = open_workspace(tmp_path / "out.partial", fingerprint="x")
    assert again.finished == []
    again.discard()
    assert len(contents(tmp_path / "own")) == 2
