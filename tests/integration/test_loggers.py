"""One real run in two parts, heard by TensorBoard, Prometheus and W&B: what each of them was told is read back."""

import json
import socket
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event

from launch.commands.verify import verify_run
from tests.shrink import shrink
from trainer.config.errors import ConfigError
from trainer.loop.setup import open_trainer
from trainer.monitoring.metrics_file import read_metrics
from trainer.monitoring.tensorboard import FOLDER
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.config import RunConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

TOTAL = 20


@dataclass
class Heard:
    """A run, and what Prometheus was answered in the middle of it."""

    run: RunDir
    port: int
    scraped: dict[tuple[str, ...], float] = field(default_factory=dict)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def configured(dataset: Path, port: int) -> RunConfig:
    config = shrink(load_preset(DEFAULT), dataset=dataset)
    log = replace(config.log, measures=True, wandb="offline", tensorboard=True, prometheus_port=port)
    return replace(
        config,
        log=log,
        train=replace(config.train, total_kimg=TOTAL / 1000),
        samples=replace(config.samples, period_kimg=0.008),
    )


def scrape(port: int) -> dict[tuple[str, ...], float]:
    """Value by the name and the values of its labels, in the order of their names."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(each.name, *(each.labels[name] for name in sorted(each.labels))): each.value for each in samples}


@pytest.fixture(scope="module")
def heard(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """Saved after 8 images, ended without a word after 16, and then continued to the end."""
    run, port = RunDir(tmp_path_factory.mktemp("heard") / "run"), free_port()
    run.create(configured(tiny_dataset, port), preset=DEFAULT, command=[])
    heard, world = Heard(run, port), init_world("cpu")
    trainer = open_trainer(open_run(run), world=world, to_console=False)
    for number in range(4):
        trainer.step()
        if number == 1:
            trainer.save()
            trainer.wait_saved()
    heard.scraped = scrape(port)
    trainer.close()
    trainer = open_trainer(open_run(run), world=world, to_console=True)
    assert trainer.position == 8
    try:
        trainer.train()
        trainer.finish()
    finally:
        trainer.close()
    return heard


def events(folder: Path) -> list[Any]:
    """Of the only event file: length, its checksum, event and its checksum, again and again."""
    (file,) = folder.glob("events.out.tfevents.*")
    content, found, at = file.read_bytes(), [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        record = content[at + 12 : at + 12 + length]
        for part, stored in ((content[at : at + 8], at + 8), (record, at + 12 + length)):
            crc = crc32c(part)
            masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
            assert masked == int.from_bytes(content[stored : stored + 4], "little")
        found.append(Event.FromString(record))
        at += length + 16
    return found


def test_what_they_write_is_known_as_the_runs(heard: Heard):
    assert (heard.run.path / "evaluation-worst.png").is_file()
    assert list(verify_run(heard.run)) == []


def test_tensorboard_has_each_line_of_metrics_once(heard: Heard):
    values = [(event.step, value) for event in events(heard.run.path / FOLDER) for value in event.summary.value]
    scalars = [(step, value.tag, value.simple_value) for step, value in values if value.HasField("simple_value")]
    lines = read_metrics(heard.run.metrics_file)
    expected = [
        (line["position"], key, pytest.approx(float(value), rel=1e-6))
        for line in lines
        for key, value in line.items()
        if key != "position"
    ]
    assert scalars == expected
    assert {"kimg", "loss/generator/l1", "lr"} <= {tag for _, tag, _ in scalars}


def test_tensorboard_has_grids_configuration_and_verdicts(heard: Heard):
    values = [(event.step, value) for event in events(heard.run.path / FOLDER) for value in event.summary.value]
    grids = {step: value.image.encoded_image_string for step, value in values if value.HasField("image")}
    assert grids == {int(path.stem): path.read_bytes() for path in heard.run.samples.iterdir()}
    (text,) = [value.tensor.string_val[0].decode() for _, value in values if value.tag.startswith("config")]
    assert "| `train.total_kimg` | `0.02` |" in text
    histograms = {(step, value.tag): value.histo.num for step, value in values if value.HasField("histo")}
    kinds = {f"game/discriminator/verdicts_{kind}" for kind in ("real", "fake")}
    assert {key for key in histograms if key[0] == TOTAL} == {(TOTAL, kind) for kind in kinds}
    assert all(number > 4 for number in histograms.values())


def test_prometheus_is_answered_while_the_run_trains(heard: Heard):
    found = heard.scraped
    assert found[("diptych_images_seen_total",)] == 16
    assert found[("diptych_images_planned",)] == TOTAL
    assert found[("diptych_run_info", "run")] == 1
    assert found[("diptych_loss", "generator", "l1")] > 0
    assert min(found[("diptych_lr", "generator", "")], found[("diptych_lr", "", "")]) > 0
    assert found[("diptych_gradient", "", "ratio")] > 0
    assert 0 <= found[("diptych_share", "data")] <= 1
    with pytest.raises(OSError, match="refused"):
        urlopen(f"http://127.0.0.1:{heard.port}/metrics", timeout=30)  # the run is over


def test_a_taken_port_is_told_before_anything_is_loaded(tiny_dataset: Path, tmp_path: Path):
    run = RunDir(tmp_path / "run")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run.create(configured(tiny_dataset, port), preset=DEFAULT, command=[])
        with pytest.raises(ConfigError, match=rf"log\.prometheus_port = {port}.*in use"):
            open_trainer(open_run(run), world=init_world("cpu"), to_console=False)


@pytest.fixture(scope="module")
def told(heard: Heard) -> list[dict[str, Any]]:
    """Records of the last part of the offline run, as W&B itself reads them."""
    parts = sorted((heard.run.path / "wandb").glob("offline-run-*"))
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(parts[-1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def history(told: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in told:
        found |= record.get("history", {}).get("item", {})
    return found


def test_wandb_draws_over_kimg_and_has_the_verdicts(told: list[dict[str, Any]]):
    definitions = json.dumps([record for record in told if "metric" in record])
    assert '"kimg"' in definitions
    items = history(told)
    assert items["kimg"] == TOTAL / 1000
    assert items["game/discriminator/verdicts_real._type"] == "histogram"
    assert sum(items["game/discriminator/verdicts_fake.values"]) > 4


def test_wandb_has_a_table_of_the_worst_and_best_images(told: list[dict[str, Any]], heard: Heard):
    items = history(told)
    assert items["test/cases._type"] == "table-file"
    assert items["test/eval/psnr"] == heard.run.evaluations()["test"]["scores"]["eval/psnr"]
    (part,) = {path.parent for path in heard.run.path.rglob("files/media/table/test") if path.is_dir()}
    table = json.loads(next(part.rglob("*.table.json")).read_text())
    assert table["columns"] == ["name", "end", "score", "value", "input", "translation", "target"]
    ends = heard.run.evaluations()["test"]["extremes"]["eval/psnr"]
    listed = [(case["key"], end, case["value"]) for end in ("worst", "best") for case in ends[end]]
    assert [(row[0], row[1], row[3]) for row in table["data"]] == listed
    assert (heard.run.path / "evaluation-worst.png").stat().st_size > 1000


def test_wandb_knows_the_way_from_data_to_checkpoint(told: list[dict[str, Any]], heard: Heard):
    data, checkpoint = [
        record["artifact"] for record in told if record.get("artifact", {}).get("type") in ("dataset", "model")
    ]
    digest = heard.run.record()["dataset_sha256"]
    assert data["use_after_commit"]
    assert data["manifest"]["contents"][0]["digest"] == f"sha256:{digest}"
    assert "use_after_commit" not in checkpoint
    metadata = json.loads(checkpoint["metadata"])
    assert (metadata["position"], metadata["dataset_sha256"]) == (TOTAL, digest)
    assert checkpoint["manifest"]["contents"][0]["digest"] == f"sha256:{metadata['sha256']}"
