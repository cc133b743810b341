"""A run whose checkpoints are sent to a store trains as any other, whatever the store does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launch.cli import main
from sharding.storage.place import Url
from tests.shrink import shrink
from tests.store import BUCKET, SECRET, Door, Store, serve_store
from trainer.checkpoints.remote.copy import positions
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.runs.changes import write_changes
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

TOTAL, LATER = 16, 24


@pytest.fixture
def store() -> Iterator[Store]:
    with serve_store() as served:
        yield served


@pytest.fixture
def config(tiny_dataset: Path) -> RunConfig:
    """Steps of 2 images, a checkpoint every 8 images, and a rate that does not depend on the end."""
    small = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    return replace(
        small,
        train=replace(small.train, batch_size_per_gpu=2, total_kimg=TOTAL / 1000),
        optimizer=replace(small.optimizer, schedule="constant"),
        log=replace(small.log, wandb="offline"),
        checkpoint=replace(small.checkpoint, period_kimg=0.008, upload=Url(f"s3://{BUCKET}/runs")),
    )


def resume(place: object, *options: str) -> None:
    assert main(["train", "--resume", str(place), *options]) == 0


def make_run(folder: Path, config: RunConfig) -> RunDir:
    run = RunDir(folder)
    run.create(config, preset=DEFAULT, command=[])
    return run


def losses(run: RunDir) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in line.items() if key == "position" or key.startswith("loss/")}
        for line in read_metrics(run.metrics_file)
        if "lr" in line
    ]


@pytest.mark.slow
def test_training_goes_on_beside_a_store_that_fails_and_later_elsewhere_and_nothing_secret_is_told(
    *,
    config: RunConfig,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    alone = replace(
        config,
        checkpoint=replace(config.checkpoint, upload=None),
        train=replace(config.train, total_kimg=LATER / 1000),
    )
    expected = make_run(tmp_path / "alone", alone)
    resume(expected.path)
    run = make_run(tmp_path / "ada", config)
    store.doors += [Door("PUT", "00000008/ema.pt", status=403), Door("PUT", "00000016/state.json", status=500, times=1)]
    resume(run.path)
    said = "\n".join([*capfd.readouterr(), caplog.text])
    assert f"checkpoints are sent to s3://{BUCKET}/runs/ada too" in said
    assert "00000008/ema.pt cannot be written (403" in said
    assert losses(run) == [line for line in losses(expected) if line["position"] <= TOTAL]
    assert positions(store.names("runs/ada")) == [TOTAL]
    assert "runs/ada/evaluation.json" in store.names()
    written = [path for path in run.path.rglob("*") if path.is_file()]
    assert any("wandb" in path.parts for path in written)
    contents = [*(path.read_bytes() for path in written), *map(store.files.cat_file, store.files.find(BUCKET))]
    assert not any(SECRET.encode() in content for content in [*contents, said.encode()])
    assert f"s3://{BUCKET}/runs" in run.run_file.read_text()

    run.path.rename(tmp_path / "gone")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resume(f"s3://{BUCKET}/runs/ada", "--train.total-kimg", str(LATER / 1000))
    assert losses(RunDir(Path("runs/ada"))) == losses(expected)
    assert positions(store.names("runs/ada")) == [TOTAL, LATER]

    run = RunDir(Path("runs/ada"))
    write_changes(run, run.config(), {}, position=LATER, taken_from="001")
    store.requests.clear()
    resume(run.path)
    assert f"runs/ada/checkpoints/{LATER:08d}/state.json" in store.sent()
