"""How a run is, as its main rank says it, and what is asked of it: files that any machine may read and make."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.config.errors import ConfigError
from trainer.runs.control import Request, ask, asked, request_file, withdraw
from trainer.runs.status import HostStatus, Status, read_status, status_file, write_status

STATUS = Status(
    state="training",
    position=1200,
    total=4000,
    images_per_s=31.5,
    eta_s=88.9,
    checkpoint=1000,
    hosts=[HostStatus(host="n1", ranks=[0, 1]), HostStatus(host="n2", ranks=[2])],
    attempt=2,
    started=1795877000.0,
    updated=1795877041.5,
)


def test_a_status_is_read_as_it_was_written(tmp_path: Path):
    assert read_status(tmp_path) is None
    for status in (STATUS, replace(STATUS, state="ended", outcome="finished", images_per_s=None, checkpoint=None)):
        write_status(tmp_path, status)
        assert read_status(tmp_path) == status
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"position": -1}, "position = -1"),
        ({"state": "well"}, "state = 'well'"),
        ({"hosts": [{"host": "n1", "ranks": ["0"]}]}, r"hosts\.0\.ranks\.0"),
        ({"updated": 1e300}, "updated"),
        ({"format": 99}, "later version"),
    ],
)
def test_a_damaged_status_is_named(tmp_path: Path, change: dict, named: str):
    write_status(tmp_path, STATUS)
    path = status_file(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=named):
        read_status(tmp_path)


def test_what_is_asked_is_heard_and_taken_back(tmp_path: Path):
    assert asked(tmp_path) == Request.NONE
    ask(tmp_path, Request.SAVE)
    ask(tmp_path, Request.SAVE)
    assert asked(tmp_path) == Request.SAVE
    ask(tmp_path, Request.STOP)
    assert asked(tmp_path) == Request.STOP
    assert withdraw(tmp_path, Request.STOP)
    assert asked(tmp_path) == Request.NONE
    assert not withdraw(tmp_path, Request.STOP)


def test_saving_does_not_take_a_stop_back(tmp_path: Path):
    for request in (Request.STOP, Request.SAVE):
        ask(tmp_path, request)
    assert withdraw(tmp_path, Request.SAVE)
    assert asked(tmp_path) == Request.STOP


def test_requests_lead_nowhere_else(tmp_path: Path):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    for folder in (run, elsewhere):
        folder.mkdir()
    (run / "control").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is a link"):
        ask(run, Request.STOP)
    (run / "control").unlink()
    (run / "control").mkdir()
    request_file(run, Request.STOP).symlink_to(elsewhere / "made")
    with pytest.raises(OSError, match="symbolic link"):
        ask(run, Request.STOP)
    assert list(elsewhere.iterdir()) == []
