"""What a launcher decides after a failure: whose it was, whether to start again, where, and its exit status."""

import signal

import pytest

from launch.hosts.host import Host
from launch.ranks.decisions import (
    Failure,
    Record,
    back_off_s,
    describe_shares,
    failure_of,
    first_failure,
    is_worth_another_try,
    next_shares,
    status_of,
    status_of_ends,
)
from launch.ranks.gather import choose_hosts
from launch.ranks.messages import Ended
from trainer.ranks.exits import CRASHED, FAILED, FINISHED, MACHINE_DIED, NO_PROGRESS, STOPPED, WRONG_INPUT

KILLED = 128 + signal.SIGKILL
HOST_OF = {0: "n1", 1: "n2", 3: "n1"}


def failure(status: int, *, host: str = "n1", rank: int | None = 0, time: float = 0.0, secondary: bool = False):
    return Failure(host=host, rank=rank, time=time, status=status, text="", is_secondary=secondary)


def ended(*, record: dict | None, status: int = CRASHED, time: float = 50.0) -> Ended:
    return Ended(attempt=1, rank=3, status=status, time=time, record=record, tail="last words")


def test_a_rank_is_heard_in_its_own_words_by_the_launchers_clock():
    said = {"time": 40.0, "error": "OSError: no room", "secondary": False}
    found = failure_of(ended(record=said), host="n2", ahead_s=5.0, hosts=HOST_OF)
    assert (found.host, found.rank, found.text, found.time) == ("n2", 3, "OSError: no room", 35.0)
    assert not found.is_secondary


def test_a_killed_rank_has_said_nothing():
    found = failure_of(ended(record=None, status=-signal.SIGKILL), host="n2", ahead_s=0.0, hosts=HOST_OF)
    assert found.text == "was killed by signal 9 (Killed). Is there enough memory?"
    assert found.time == 50.0


def test_who_has_lost_a_peer_is_not_the_first_though_it_says_so_sooner():
    lost_peer = failure_of(
        ended(record={"time": 1.0, "error": "x", "secondary": True}), host="n1", ahead_s=0.0, hosts=HOST_OF
    )
    killed = failure(-signal.SIGKILL, host="n2", rank=1, time=2.0)
    lost_host = failure(MACHINE_DIED, host="n3", rank=None, time=21.0)
    assert first_failure([lost_peer, killed, lost_host]) is killed
    assert first_failure([lost_peer, lost_host]) is lost_host
    assert first_failure([lost_peer]) is lost_peer


@pytest.mark.parametrize(
    ("found", "again", "status", "after_restarts"),
    [
        (failure(FAILED), False, FAILED, FAILED),
        (failure(WRONG_INPUT), False, WRONG_INPUT, WRONG_INPUT),
        (failure(CRASHED), True, CRASHED, CRASHED),
        (failure(3), False, 3, 3),
        (failure(-signal.SIGKILL), True, MACHINE_DIED, NO_PROGRESS),
        (failure(-signal.SIGSEGV), True, MACHINE_DIED, NO_PROGRESS),
        (failure(MACHINE_DIED, rank=None), True, MACHINE_DIED, NO_PROGRESS),
        (failure(FAILED, rank=None), False, FAILED, FAILED),
    ],
)
def test_what_would_be_the_same_again_is_not_tried_again(found: Failure, again: bool, status: int, after_restarts: int):
    assert is_worth_another_try(found) is again
    assert status_of(found) == status
    assert status_of(found, restarts=3) == after_restarts


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ([FINISHED, FINISHED], FINISHED),
        ([FINISHED, STOPPED], STOPPED),
        ([STOPPED, -signal.SIGTERM], STOPPED),
        ([STOPPED, -signal.SIGKILL], KILLED),
    ],
)
def test_the_status_of_ranks_that_did_as_they_were_told(ends: list[int], status: int):
    assert status_of_ends(ends) == status


def test_the_exit_statuses_are_those_that_batch_scripts_know():
    known = (FINISHED, FAILED, WRONG_INPUT, CRASHED, MACHINE_DIED, NO_PROGRESS, STOPPED)
    assert known == (0, 1, 2, 70, 75, 76, 143)


def test_three_restarts_without_a_checkpoint_are_enough_and_each_waits_longer():
    record = Record(limit=3)
    waits = []
    for host in ("n1", "n2", "n3"):
        record.note(failure(-9, host=host), position=0)
        assert not record.is_used_up
        waits.append(back_off_s(record.restarts))
    assert waits == [1, 2, 4]
    record.note(failure(-9, host="n4"), position=0)
    assert record.is_used_up
    assert back_off_s(100) == 60


def test_a_new_checkpoint_makes_restarts_count_anew():
    record = Record(limit=3, position=400)
    for position in (400, 400, 800, 800, 800, 1200):
        record.note(failure(-9), position=position)
        assert not record.is_used_up
    assert record.restarts == 1


def test_at_fault_is_the_host_of_the_rank_that_others_wait_for_in_vain():
    gone = failure(CRASHED, time=1.0, secondary=True)
    said = {"time": 2.0, "error": "rank 1 did not come", "secondary": True, "missing": [1]}
    waited = failure_of(ended(record=said), host="n1", ahead_s=0.0, hosts=HOST_OF)
    assert first_failure([gone, waited]) == waited
    record = Record(limit=3)
    for _ in range(2):
        record.note(waited, position=0)
    assert record.left_out == {"n2"}
    assert failure_of(ended(record={"missing": "x"}), host="n1", ahead_s=0.0, hosts=HOST_OF).host_at_fault == "n1"


def test_a_host_at_fault_twice_in_a_row_is_left_out():
    record = Record(limit=3)
    for host in ("n1", "n2", "n1"):
        record.note(failure(-9, host=host), position=0)
        assert record.left_out == set()
    record.note(failure(-9, host="n1"), position=0)
    assert record.left_out == {"n1"}


HOSTS = [Host("n1", 2), Host("n2", 2), Host("n3", 2)]


@pytest.mark.parametrize(
    ("num_procs", "lost", "chosen"),
    [
        ((4, 4), set(), ["n1", "n2"]),
        ((4, 4), {"n1"}, ["n2", "n3"]),
        ((4, 4), {"n1", "n2"}, ["n1", "n3"]),  # the least number needs one of them
        ((2, 6), {"n1", "n2"}, ["n3"]),
        ((6, 6), {"n2"}, ["n1", "n2", "n3"]),
        ((8, 8), set(), []),
    ],
)
def test_spares_take_the_places_of_hosts_that_are_lost(num_procs: tuple[int, int], lost: set[str], chosen: list[str]):
    assert [host.name for host in choose_hosts(HOSTS, num_procs=num_procs, lost=lost)] == chosen


def test_as_many_ranks_as_there_is_room_for_and_the_run_allows():
    assert describe_shares(next_shares(HOSTS, num_procs=(1, 5))) == "n1 2, n2 2, n3 1"
    assert describe_shares(next_shares(HOSTS, num_procs=(1, 5), allowed=lambda number: number % 4 == 0)) == "n1 2, n2 2"
    assert next_shares(HOSTS[:1], num_procs=(3, 5)) == []
    assert next_shares(HOSTS, num_procs=(1, 5), allowed=lambda number: False) == []
