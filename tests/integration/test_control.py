"""A running run is asked to save or to stop by files in its folder, and says in another how it is."""

from pathlib import Path

import pytest

from tests.shrink import shrink
from trainer.checkpoints.layout import checkpoint_folders
from trainer.loop import requests
from trainer.loop.events import Event
from trainer.loop.setup import open_trainer
from trainer.loop.trainer import Trainer
from trainer.main import main
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.exits import FINISHED
from trainer.ranks.world import init_world
from trainer.runs.control import Request, ask, asked
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir
from trainer.runs.status import read_status


@pytest.fixture
def run(tiny_dataset: Path, tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "run")
    run.create(shrink(load_preset(DEFAULT), dataset=tiny_dataset), preset=DEFAULT, command=[])
    return run


def asked_after(step: int, request: Request, trainer: Trainer, run: RunDir) -> Event:
    """Asks as anybody may from outside, at the end of a step."""

    def action() -> None:
        if trainer.step_number == step:
            ask(run.path, request)

    return Event(period=1, action=action)


def saved(run: RunDir) -> list[int]:
    return [int(folder.name) for folder in checkpoint_folders(run.checkpoints)]


def test_a_run_saves_and_stops_as_it_is_asked(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "PERIOD_S", 0.0)
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    trainer.events += [asked_after(1, Request.SAVE, trainer, run), asked_after(2, Request.STOP, trainer, run)]
    try:
        assert not trainer.train()
    finally:
        trainer.close()
    assert trainer.step_number == 2
    assert saved(run) == [trainer.position // 2, trainer.position]
    assert asked(run.path) == Request.NONE
    status = read_status(run.path)
    assert status is not None
    assert (status.state, status.total) == ("training", trainer.total)
    assert [len(host.ranks) for host in status.hosts] == [1]


def test_what_was_asked_of_an_earlier_start_does_not_stop_the_next(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(run.path, Request.STOP)
    monkeypatch.setattr("psutil.Process.create_time", lambda self: float("inf"))
    assert main(run.path) == FINISHED
    assert "control/stop was there before this start" in capsys.readouterr().out
    status = read_status(run.path)
    assert status is not None
    assert (status.state, status.outcome, status.position) == ("ended", "finished", status.total)


def test_what_is_asked_between_two_attempts_is_obeyed(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(run.path, Request.STOP)
    monkeypatch.setenv("DIPTYCH_ATTEMPT", "2")
    assert main(run.path) == 143
    status = read_status(run.path)
    assert status is not None
    assert (status.outcome, status.attempt) == ("stopped", 2)
