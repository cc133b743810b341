"""Records of trials while Tune runs them: written when there is news, and not looked for where there can be none."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.plan import SweepDir
from sweeps.records import Record, read_records
from sweeps.tune.recorder import Recorder
from tests.unit.sweeps.test_asha import small_sweep


@dataclass
class TunesTrial:
    """What is read of Tune's own."""

    trial_id: str
    name: str
    status: str
    position: int = 0
    num_failures: int = 0
    error_file: str | None = None
    looks: int = 0

    @property
    def config(self) -> dict[str, Any]:
        return {"trial": {"name": self.name, "overrides": {}, "position": 0}}

    @property
    def last_result(self) -> dict[str, Any]:
        self.looks += 1
        return {"position": self.position, "eval/psnr": 20.0} if self.position else {}


def test_a_trial_that_has_ended_is_written_once_and_looked_at_no_more(tmp_path: Path) -> None:
    sweep, folder = small_sweep(), SweepDir(tmp_path / "sweep")
    folder.create(sweep)
    before = read_records(folder, sweep)
    recorder = Recorder(folder, sweep, before=before)
    ended, other = TunesTrial("a", "000", "RUNNING", position=100), TunesTrial("b", "001", "RUNNING")

    def step() -> tuple[Record, Record]:
        recorder.on_step_end(0, [ended, other])
        records = read_records(folder, sweep)
        return records["000"], records["001"]

    assert [record.state for record in step()] == ["training", "training"]
    ended.status, ended.position = "TERMINATED", 800
    other.position = 200
    assert [(record.state, record.position) for record in step()] == [("finished", 800), ("training", 200)]
    looks = ended.looks
    other.status, other.num_failures = "PENDING", 1
    assert [(record.state, record.num_restarts) for record in step()] == [("finished", 0), ("waiting", 1)]
    assert ended.looks == looks


def test_the_next_round_of_a_population_goes_on_from_the_record_of_the_last(tmp_path: Path) -> None:
    """There one trial is several of Tune's."""
    sweep, folder = small_sweep(), SweepDir(tmp_path / "sweep")
    folder.create(sweep)
    recorder = Recorder(folder, sweep, before=read_records(folder, sweep))
    rounds = [TunesTrial("a", "000", "TERMINATED", position=100, num_failures=1)]
    recorder.on_step_end(0, rounds)
    rounds.append(TunesTrial("b", "000", "RUNNING"))
    recorder.on_step_end(1, rounds)
    record = read_records(folder, sweep)["000"]
    assert (record.state, record.position, record.num_restarts) == ("training", 100, 1)
