"""`diptych status` and `diptych stop`: what they tell of runs in every state, and how they wait."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from launch.cli import main
from launch.run_state import look
from sharding.storage.lock import held_since
from tests.shrink import shrink
from trainer.presets import DEFAULT, load_preset
from trainer.runs.control import Request, ask, asked, request_file, withdraw
from trainer.runs.rundir import RunDir
from trainer.runs.status import HostStatus, Status, read_status, status_file, write_status


@pytest.fixture
def run(tiny_dataset: Path, tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "run")
    run.create(shrink(load_preset(DEFAULT), dataset=tiny_dataset), preset=DEFAULT, command=[])
    return run


def status(**changes: object) -> Status:
    now = time.time()
    begin = Status(
        state="training",
        position=1200,
        total=20_000,
        images_per_s=34.12,
        eta_s=551.0,
        checkpoint=1000,
        hosts=[HostStatus(host="n1", ranks=[0, 1]), HostStatus(host="n2", ranks=[2])],
        attempt=2,
        started=now - 60,
        updated=now,
    )
    return replace(begin, **changes)


def tell(run: RunDir, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["status", str(run.path)]) == 0
    return capsys.readouterr().out


def write_old(run: RunDir, age_s: float, **changes: object) -> None:
    write_status(run.path, status(updated=time.time() - age_s, **changes))
    os.utime(status_file(run.path), (time.time() - age_s,) * 2)


def test_a_run_that_trains_says_how(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(run.path, status())
    said = tell(run, capsys)
    assert ": training, 1200 of 20000 images (6.0 %), 34.1 images/s, 0:09:11 left" in said
    assert "newest checkpoint: at 1000 images" in said
    assert "hosts: n1 (ranks 0, 1), n2 (rank 2)" in said
    assert "attempt 2, started " in said
    assert "asked" not in said
    ask(run.path, Request.SAVE)
    assert "asked to save" in tell(run, capsys)


def test_a_run_that_was_never_heard_of_is_told_by_its_checkpoints(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.checkpoints / "00000008"
    folder.mkdir()
    (folder / "state.json").write_text("{}")
    said = tell(run, capsys)
    assert f"not being trained, as far as can be told, 8 of {run.config().train.total_images} images" in said
    assert "has not said how it is" in said


def test_silence_is_told(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    write_old(run, 7200)
    said = tell(run, capsys)
    assert "not heard of, 1200 of 20000" in said
    assert "images/s" not in said
    assert "Nothing was heard for 2:00:0" in said


def test_another_machines_clock_that_is_behind_is_no_silence(run: RunDir) -> None:
    write_status(run.path, status(updated=time.time() - 7200))
    assert look(run).state == "training"
    write_status(run.path, status(updated=time.time() + 7200))
    assert look(run).age_s == 0


def test_the_end_is_told_with_its_reason(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    write_old(run, 7200, state="ended", outcome="was told to stop; saved\x1b[2J\nx", position=1500)
    said = tell(run, capsys)
    assert "ended, and not being trained now, 1500 of 20000" in said
    assert "was told to stop; saved␛[2J␊x" in said


def test_a_process_that_has_said_nothing_yet_is_starting(run: RunDir) -> None:
    assert held_since(run.path) is None
    assert look(run).state == "unknown"
    write_old(run, 100, state="ended")
    with run.only_process():
        assert held_since(run.path) == pytest.approx(time.time(), abs=60)
        assert look(run).state == "starting"
        write_status(run.path, status(state="ended", updated=time.time() + 1))
        assert look(run).state == "ended", "it has said so, and is about to go"
    assert held_since(run.path) is None


def test_json_is_for_programs(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(run.path, status())
    assert main(["status", str(run.path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["state"] == "training"
    assert record["is_trained"] is True
    assert record["status"]["hosts"][1] == {"host": "n2", "ranks": [2]}
    assert 0 <= record["age_s"] < 60


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"format": 1}',
        b"\xff" * 10,
        b"[" * 100_000,
        b'{"format": 1, "state": "training", "position": -1}',
        b" " * (5 * 2**20),
    ],
)
@pytest.mark.parametrize("command", ["status", "stop"])
def test_a_damaged_status_is_an_error(
    command: str, content: bytes, run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    status_file(run.path).write_bytes(content)
    assert main([command, str(run.path)]) == 2
    assert "status.json" in capsys.readouterr().err
    assert main(["verify", str(run.path)]) == 1
    assert asked(run.path) is Request.NONE


def test_a_strangers_status_is_shown_as_text_of_bounded_length(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = [HostStatus(host=f"\x1b[31m{'h' * 50}\n", ranks=list(range(5000)))] * 2000
    write_status(run.path, status(hosts=hosts[:50], started=1e12, eta_s=1e12))
    said = tell(run, capsys)
    assert "\x1b" not in said
    assert len(said) < 5000
    assert "and 30 more" in said


@pytest.mark.parametrize("command", ["status", "stop"])
def test_what_is_no_run_is_an_error(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(tmp_path)]) == 2
    assert "holds no run.json" in capsys.readouterr().err


def test_a_link_in_place_of_the_folder_for_requests_is_refused(
    run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (run.path / "control").symlink_to(tmp_path / "elsewhere")
    write_status(run.path, status())
    assert main(["stop", str(run.path)]) == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("state", ["unknown", "ended", "silent"])
def test_a_run_that_is_not_trained_is_not_asked(state: str, run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    if state == "ended":
        write_status(run.path, status(state="ended"))
    elif state == "silent":
        write_old(run, 300)
    assert main(["stop", str(run.path)]) == 1
    said = capsys.readouterr().err
    assert ("has not been heard of for 300 s" if state == "silent" else "is not being trained") in said
    assert asked(run.path) is Request.NONE


@contextmanager
def trainer_that(obeys: Callable[[Request], None], run: RunDir) -> Iterator[None]:
    """A process of the run, as far as its files go: says how it is, and does something when it is asked."""
    write_status(run.path, status())
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.01):
            request = asked(run.path)
            if request is not Request.NONE:
                obeys(request)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_stop_waits_until_the_run_has_saved_and_ended(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    def obey(request: Request) -> None:
        assert request is Request.STOP
        withdraw(run.path, request)
        write_status(run.path, status(state="ended", position=1300, checkpoint=1300, updated=time.time() + 1))

    with trainer_that(obey, run):
        assert main(["stop", str(run.path)]) == 0
    said = capsys.readouterr().out
    assert "is asked to save and end" in said
    assert f"checkpoint is that of 1300 images. To go on: diptych train --resume {run.path}" in said


def test_save_only_waits_until_there_is_a_newer_checkpoint(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    def obey(request: Request) -> None:
        assert request is Request.SAVE
        withdraw(run.path, request)
        write_status(run.path, status(position=1300, updated=time.time() + 1))
        assert read_status(run.path) is not None
        write_status(run.path, status(position=1320, checkpoint=1300, updated=time.time() + 2))

    with trainer_that(obey, run):
        assert main(["stop", str(run.path), "--save-only"]) == 0
    assert "has saved, and goes on. Its newest checkpoint is that of 1300 images." in capsys.readouterr().out


def test_a_run_that_comes_to_its_end_meanwhile_leaves_no_request_to_the_next(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    def obey(request: Request) -> None:
        write_status(run.path, status(state="ended", position=20_000, updated=time.time() + 1))

    with trainer_that(obey, run):
        assert main(["stop", str(run.path)]) == 0
    assert "has ended." in capsys.readouterr().out
    assert asked(run.path) is Request.NONE


def test_a_run_that_dies_meanwhile_is_told(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    with trainer_that(lambda request: write_old(run, 300), run):
        assert main(["stop", str(run.path)]) == 1
    assert "not heard of any more" in capsys.readouterr().err
    assert asked(run.path) is Request.NONE


def test_waiting_ends_in_time_and_the_run_stays_asked(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(run.path, status())
    assert main(["stop", str(run.path), "--timeout", "0"]) == 1
    assert f"remove {request_file(run.path, Request.STOP)}" in capsys.readouterr().err
    assert asked(run.path) is Request.STOP
    assert main(["stop", str(run.path), "--no-wait"]) == 0
    assert main(["stop", str(run.path), "--timeout", "-1"]) == 2


def test_what_running_leaves_in_a_run_is_part_of_it(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(run.path, status())
    ask(run.path, Request.SAVE)
    log = run.path / "logs" / "20261128-145136-1" / "rank-00003.log"
    log.parent.mkdir(parents=True)
    log.write_text("hello\n")
    assert main(["verify", str(run.path)]) == 0
    assert "none of a run's files" not in capsys.readouterr().out
