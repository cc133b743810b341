"""Ranks on the CPU have cores of their own, and as many threads."""

import json
import os
import sys
from pathlib import Path

import pytest

from launch.hosts.host import Host
from launch.ranks.cores import bound_to, split_cores
from launch.ranks.job import Job, run_here

RANK = """
import json, os
from pathlib import Path
found = {"cores": sorted(os.sched_getaffinity(0)), "threads": os.environ["OMP_NUM_THREADS"]}
Path("bound-" + os.environ["RANK"]).write_text(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("num_cores", "num_ranks", "split"),
    [
        (8, 2, [{0, 1, 2, 3}, {4, 5, 6, 7}]),
        (7, 2, [{0, 1, 2}, {3, 4, 5}]),
        (2, 2, [{0}, {1}]),
        (2, 3, [set(), set(), set()]),
    ],
)
def test_cores_are_divided_evenly(num_cores: int, num_ranks: int, split: list[set[int]]):
    assert split_cores(range(num_cores), num_ranks) == split


def test_this_process_has_its_cores_back():
    before = os.sched_getaffinity(0)
    with bound_to({min(before)}):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def ranks_here(folder: Path, number: int) -> list[dict]:
    """What ranks of a launcher on this machine see."""
    job = Job(run=folder, hosts=[Host("here", number)], num_procs=(number, number), again="again", device="cpu")
    assert run_here(job, command=[sys.executable, "-c", RANK]) == 0
    return [json.loads((folder / f"bound-{rank}").read_text()) for rank in range(number)]


@pytest.mark.parametrize("num_ranks", [1, 2])
def test_ranks_see_their_own_cores_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_ranks: int):
    cores = os.sched_getaffinity(0)
    each = len(cores) // num_ranks
    if each == 0:
        pytest.skip("a machine of one core has none for each of two ranks")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    seen = ranks_here(tmp_path, num_ranks)
    assert [len(rank["cores"]) for rank in seen] == [each] * num_ranks
    assert len({core for rank in seen for core in rank["cores"]}) == each * num_ranks
    assert [rank["threads"] for rank in seen] == [str(each)] * num_ranks


def test_more_ranks_than_cores_share_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = sorted(os.sched_getaffinity(0))
    with bound_to({cores[0]}):
        seen = ranks_here(tmp_path, 2)
    assert seen == [{"cores": cores[:1], "threads": "1"}] * 2
