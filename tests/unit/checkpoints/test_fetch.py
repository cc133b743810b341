"""A run is fetched from its copy in a store, and the copy is listed and verified."""

from dataclasses import replace
from pathlib import Path

import pytest

from launch.cli import main
from sharding.storage.place import Url
from tests.store import BUCKET, Store
from tests.unit.checkpoints.copies import FILES, send
from trainer.checkpoints.layout import check_content, check_folder, folder_of, read_state, write_state
from trainer.checkpoints.remote.copy import RunCopy, begin_copy, copy_of
from trainer.checkpoints.remote.fetch import fetch_run
from trainer.config.errors import ConfigError
from trainer.runs.formats import RUN
from trainer.runs.rundir import RunDir


def fetch(folder: Path) -> tuple[RunDir, list[str]]:
    run, said = RunDir(folder), []
    fetch_run(RunCopy(Url(f"s3://{BUCKET}/runs/ada")), run, say=said.append)
    return run, said


def test_a_run_is_fetched_with_its_newest_whole_checkpoint(run: RunDir, store: Store, tmp_path: Path):
    send(run, 8, 16, 24, keep=3)
    store.files.pipe(f"{BUCKET}/runs/ada/checkpoints/00000024/ema.pt", b"averagE" * 100 + b"24")  # of the right size
    fetched, said = fetch(tmp_path / "elsewhere")
    assert "00000024 is damaged: ema.pt has changed since it was written" in said[0]
    assert [path.name for path in fetched.checkpoints.iterdir()] == ["00000016"]
    folder = folder_of(fetched.checkpoints, 16)
    check_folder(folder, read_state(folder))
    check_content(folder, read_state(folder), names=set(FILES))
    for path in (fetched.run_file, fetched.metrics_file):
        assert path.read_bytes() == (run.path / path.name).read_bytes()
    assert fetch(tmp_path / "elsewhere")[1][-1].endswith("nothing is fetched")


def test_a_folder_of_another_run_and_an_empty_address_are_named(run: RunDir, store: Store, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"resume = 's3://bucket/runs/ada': holds no run\.json"):
        fetch(tmp_path / "elsewhere")
    begin_copy(run, copy_of(run, Url(f"s3://{BUCKET}/runs")))
    with pytest.raises(ConfigError, match=r"holds no whole checkpoint"):
        fetch(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / "run.json").exists()
    RUN.write(run.run_file, run.record() | {"wandb_id": "another"})
    with pytest.raises(ConfigError, match=r"is another run than the one in"):
        fetch(run.path)


@pytest.mark.parametrize("name", ["../../run.json", "/etc/cron.d/x", "a/../../x"])
def test_a_state_that_names_files_elsewhere_is_refused(name: str, run: RunDir, store: Store, tmp_path: Path):
    send(run, 8)
    state = read_state(folder_of(run.checkpoints, 8))
    write_state(tmp_path, replace(state, files={name: next(iter((state.files or {}).values()))}))
    store.files.put(str(tmp_path / "state.json"), f"{BUCKET}/runs/ada/checkpoints/00000008/state.json")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="holds no whole checkpoint"):
        fetch(tmp_path / "here" / "elsewhere")
    left = {path for path in set(tmp_path.rglob("*")) - set(before) if path.is_file()}
    assert {path.name for path in left} <= {".lock"}


def test_a_copy_is_listed_and_verified(run: RunDir, store: Store, capsys: pytest.CaptureFixture[str]):
    send(run, 8, 16)
    address = f"s3://{BUCKET}/runs/ada"
    assert main(["checkpoint", "verify", address]) == 0
    assert "2 checkpoints, 0 damaged" in capsys.readouterr().out
    place = f"{BUCKET}/runs/ada/checkpoints/00000008/ema.pt"
    store.files.pipe(place, b"x" + store.files.cat_file(place)[1:])
    store.files.rm(f"{BUCKET}/runs/ada/checkpoints/00000016/state.json")
    assert main(["checkpoint", "ls", address]) == 0
    listed = capsys.readouterr().out
    assert "newest" in listed
    assert main(["checkpoint", "verify", address]) == 1
    said = capsys.readouterr().out
    assert f"{address}/checkpoints/00000008: damaged: ema.pt has changed" in said
    assert f"{address}/checkpoints/00000016: damaged: it holds no state.json" in said
    assert main(["checkpoint", "ls", "http://host/run"]) == 2
