"""What becomes of a job of Slurm's when its training ends."""

from pathlib import Path

import pytest

from launch.slurm.cycles import begin_cycle, cycles_file, note_chained, note_submitted, read_cycle
from launch.slurm.decision import (
    MOST_IDLE,
    Ending,
    JobState,
    Requeue,
    Stop,
    count_idle,
    parse_job_state,
    what_next,
)
from trainer.checkpoints.layout import CheckpointState, write_state
from trainer.config.errors import ConfigError
from trainer.ranks import exits
from trainer.runs.rundir import RunDir

RUNNING = JobState(is_running=True, is_preempted=False)
PREEMPTED = JobState(is_running=True, is_preempted=True)
ENDED = JobState(is_running=False, is_preempted=False)


def ending(
    status: int, *, was_told: bool = False, job: JobState = RUNNING, before: int = 100, after: int = 200, idle: int = 0
) -> Ending:
    return Ending(status=status, was_told=was_told, job=job, before=before, after=after, idle=idle)


@pytest.mark.parametrize("status", [exits.FINISHED, exits.FAILED, exits.WRONG_INPUT, exits.NO_PROGRESS])
def test_what_another_job_would_not_change_ends_the_chain(status: int) -> None:
    for was_told in (False, True):
        assert what_next(ending(status, was_told=was_told)) == Stop(status=status)


def test_what_stopped_because_of_the_time_limit_goes_on() -> None:
    assert isinstance(what_next(ending(exits.STOPPED, was_told=True)), Requeue)


def test_what_stopped_to_make_room_goes_on_though_the_script_heard_nothing() -> None:
    assert isinstance(what_next(ending(exits.STOPPED, job=PREEMPTED)), Requeue)


def test_what_the_user_stopped_stays_stopped() -> None:
    assert what_next(ending(exits.STOPPED)) == Stop(status=exits.STOPPED)


@pytest.mark.parametrize("status", [exits.CRASHED, exits.MACHINE_DIED, 128 + 9, -9])
def test_what_was_cut_short_is_tried_on_other_nodes(status: int) -> None:
    assert isinstance(what_next(ending(status)), Requeue)


@pytest.mark.parametrize("status", [exits.STOPPED, exits.MACHINE_DIED, -9])
def test_a_cancelled_job_does_not_come_back(status: int) -> None:
    decided = what_next(ending(status, was_told=True, job=ENDED))
    assert isinstance(decided, Stop)
    assert decided.status == (137 if status == -9 else status)
    assert "cancelled" in decided.reason


def test_the_third_job_in_a_row_without_a_newer_checkpoint_is_the_last() -> None:
    decided = [
        what_next(ending(exits.STOPPED, was_told=True, before=100, after=100, idle=idle)) for idle in range(MOST_IDLE)
    ]
    assert [type(each) for each in decided] == [Requeue, Requeue, Stop]
    assert isinstance(decided[-1], Stop)
    assert decided[-1].status == exits.NO_PROGRESS
    assert "100 images" in decided[-1].reason


def test_a_newer_checkpoint_begins_the_count_anew() -> None:
    assert isinstance(what_next(ending(exits.MACHINE_DIED, before=100, after=101, idle=MOST_IDLE - 1)), Requeue)
    assert count_idle(101, last=100, idle=2) == 0
    assert count_idle(100, last=100, idle=1) == 2
    assert count_idle(0, last=None, idle=0) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JobId=4 JobState=RUNNING Reason=None PreemptTime=None", RUNNING),
        ("JobId=4 JobState=RUNNING PreemptEligibleTime=2030-11-28T15:02:50 PreemptTime=2030-11-28T15:02:53", PREEMPTED),
        ("JobId=4 JobState=COMPLETING Reason=None", ENDED),
        ("JobId=4 JobState=CANCELLED Reason=None", ENDED),
        ("JobId=4 JobState=RUNNING", RUNNING),
        ("", ENDED),
    ],
)
def test_how_slurm_sees_a_job(text: str, expected: JobState) -> None:
    assert parse_job_state(text) == expected


def _save(run: RunDir, position: int) -> None:
    folder = run.checkpoints / f"{position:08d}"
    folder.mkdir(parents=True)
    write_state(folder, CheckpointState(position=position, step=1, world_size=1, ranks=[{}], files={}))


def test_jobs_that_save_nothing_are_counted_even_if_none_lives_to_say_so(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    note_submitted(run, job="7")
    assert [begin_cycle(run, job="7").idle for _ in range(4)] == [0, 1, 2, 3]
    _save(run, 500)
    assert begin_cycle(run, job="7").idle == 0
    assert begin_cycle(run, job="7").idle == 1
    note_chained(run, job="8")
    assert begin_cycle(run, job="8").idle == 2
    note_submitted(run, job="9")
    assert begin_cycle(run, job="9").idle == 0


def test_a_job_that_was_submitted_by_hand_is_counted_as_the_first(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    note_submitted(run, job="7")
    assert [begin_cycle(run, job="7").idle for _ in range(4)] == [0, 1, 2, 3]
    assert [begin_cycle(run, job="8").idle for _ in range(2)] == [0, 1]


def test_the_first_job_of_a_run_that_was_trained_before_counts_from_there(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    _save(run, 500)
    note_submitted(run, job="7")
    begun = begin_cycle(run, job="7")
    assert (begun.position, begun.idle) == (500, 0)


def test_a_run_without_jobs_has_no_count(tmp_path: Path) -> None:
    assert read_cycle(RunDir(tmp_path)) is None


@pytest.mark.parametrize("content", [b"{", b'{"format": 1, "job": "x", "position": 0, "idle": 0}', b'{"format": 2}'])
def test_a_count_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    run = RunDir(tmp_path)
    note_submitted(run, job="7")
    cycles_file(run).write_bytes(content)
    with pytest.raises(ConfigError, match=r"cycles\.json"):
        read_cycle(run)
