"""Each file of a run says which form it has: former forms are read, and of later ones the user is told to update."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sharding.storage.records import RecordError
from sharding.storage.seal import seal
from trainer.checkpoints.layout import latest_checkpoint, read_state
from trainer.checkpoints.whole import newest_whole_checkpoint
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.errors import ConfigError
from trainer.config.evaluate import EvaluateConfig
from trainer.config.log import LogConfig
from trainer.config.samples import SamplesConfig
from trainer.evaluation.evaluate import write_evaluation
from trainer.ranks.world import lone_world
from trainer.runs.formats import Format
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
SCORES = {"eval/psnr": 11.5}


@pytest.fixture
def run(tiny_run: RunDir) -> RunDir:
    write_evaluation(tiny_run, split="test", position=1200, num_images=3, scores=SCORES)
    tiny_run.write_early_stop(position=1200, reason="no better")
    return tiny_run


def state_file(run: RunDir) -> Path:
    folder = latest_checkpoint(run.checkpoints)
    assert folder is not None
    return folder / "state.json"


def change(path: Path, **changes: Any) -> None:
    """Other values; None removes an entry. A seal is made anew."""
    record = {key: value for key, value in (json.loads(path.read_text()) | changes).items() if value is not None}
    content = json.dumps({key: value for key, value in record.items() if key != "sha256"}, indent=1).encode()
    path.write_bytes(seal(content) if "sha256" in record else content)


FILES: dict[str, tuple[Callable[[RunDir], Path], Callable[[RunDir], Any]]] = {
    "run.json": (lambda run: run.run_file, RunDir.record),
    "evaluation.json": (lambda run: run.evaluation_file, RunDir.evaluations),
    "early_stop.json": (lambda run: run.early_stop_file, RunDir.early_stop),
    "state.json": (state_file, lambda run: read_state(state_file(run).parent)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_later_version_is_named(name: str, run: RunDir):
    find, read = FILES[name]
    read(run)
    change(find(run), format=1000)
    with pytest.raises(ConfigError, match=rf"format = 1000: .*{name} was made by a later version.*update Diptych\."):
        read(run)


@pytest.mark.parametrize("number", ["1", -1, 1.0, True, [], {}])
@pytest.mark.parametrize("name", FILES)
def test_a_number_that_is_none_is_damage(name: str, number: Any, run: RunDir):
    find, read = FILES[name]
    change(find(run), format=number)
    with pytest.raises((ConfigError, RecordError), match="has format = "):
        read(run)


def test_a_later_checkpoint_is_not_taken_for_a_damaged_one(run: RunDir):
    """An earlier one in its place would throw the images since then away."""
    change(state_file(run), format=1000)
    with pytest.raises(ConfigError, match="later version"):
        newest_whole_checkpoint(run.checkpoints, world=lone_world(CPU), names=())


def test_evaluations_without_a_number_are_read_and_written_on(run: RunDir):
    entry = {"position": 8, "num_images": 3, "scores": SCORES}
    run.evaluation_file.write_text(json.dumps({"val": entry}))
    assert run.evaluations() == {"val": entry}
    write_evaluation(run, split="test", position=1200, num_images=3, scores=SCORES)
    assert json.loads(run.evaluation_file.read_text())["format"] == 1
    assert set(run.evaluations()) == {"val", "test"}


def test_a_record_that_is_read_can_be_written_again(run: RunDir):
    record = run.record()
    run.run_file.write_text(json.dumps(record))
    assert run.record() == record


FORMER_LOG = {
    "metrics_kimg": 0.1,
    "samples_kimg": 0.2,
    "evaluate_kimg": 0.3,
    "checkpoint_kimg": 0.4,
    "keep_checkpoints": 5,
    "num_samples": 6,
    "wandb": "offline",
}


def test_what_one_section_held_is_in_four(run: RunDir):
    record = run.record()
    for section in ("samples", "evaluate", "checkpoint"):
        del record["config"][section]
    record["config"]["log"] = FORMER_LOG
    del record["format"]
    run.run_file.write_text(json.dumps(record))
    config = run.config()
    assert config.log == LogConfig(period_kimg=0.1, wandb="offline")
    assert config.samples == SamplesConfig(period_kimg=0.2, num_rows=6)
    assert config.evaluate == EvaluateConfig(period_kimg=0.3)
    assert config.checkpoint == CheckpointConfig(period_kimg=0.4, keep=5)


@pytest.mark.parametrize("algorithm", ["rmsprop", "adam"])
def test_a_former_run_keeps_its_decay_and_its_momentum(algorithm: str, run: RunDir):
    record = run.record() | {"format": 3}
    config = record["config"]
    for name in ("rmsprop_decay", "clipped_momentum"):
        del config["optimizer"][name]
    config["optimizer"] |= {"algorithm": algorithm, "beta1": 0.5, "beta2": 0.995}
    config["method"]["adversarial"] |= {"objective": "wasserstein", "weight_clip": 0.01}
    run.run_file.write_text(json.dumps(record))
    optimizer = run.config().optimizer
    assert optimizer.rmsprop_decay == (0.995 if algorithm == "rmsprop" else 0.9)
    assert optimizer.clipped_momentum == (algorithm == "adam")


@pytest.mark.parametrize("log", [None, [], "log", {"surprise": 1}, {"num_samples": {}}])
def test_a_former_section_of_anything_is_an_error_that_names_it(log: Any, run: RunDir):
    record = run.record() | {"config": {"log": log}}
    del record["format"]
    run.run_file.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=r"log|samples\.num_rows"):
        run.config()


@pytest.mark.parametrize(
    ("architecture", "downs", "dropout", "levels"),
    [
        ("unet", 3, 0, 3),
        ("unet", 4, 0, 3),
        ("unet", 5, 0.5, 1),
        ("unet", 6, 0.5, 2),
        ("unet", 8, 0.5, 3),
        ("resnet", 4, 0.5, 3),
    ],
)
def test_former_generators_keep_dropout_where_it_was(
    architecture: str, downs: int, dropout: float, levels: int, run: RunDir
):
    """U-Nets had it in levels of full width alone, whatever was asked for."""
    record = run.record() | {"format": 2}
    former = {"architecture": architecture, "num_downs": downs, "dropout": 0.5}
    generator = record["config"]["method"]["generator"]
    record["config"]["method"]["generator"] = {
        name: value for name, value in (generator | former).items() if name != "dropout_levels"
    }
    record["config"]["data"]["crop_size"] = record["config"]["data"]["load_size"] = 256
    run.run_file.write_text(json.dumps(record))
    found = run.config().method.generator  # type: ignore[attr-defined]
    assert (found.dropout, found.dropout_levels) == (dropout, levels)


def test_each_step_is_taken_once_from_where_a_file_stands(tmp_path: Path):
    steps = Format((lambda record: record | {"first": 1}, lambda record: record | {"second": 2}))
    path = tmp_path / "x.json"
    assert steps.read(b"{}", path=path) == {"format": 2, "first": 1, "second": 2}
    assert steps.read(b'{"format": 1}', path=path) == {"format": 2, "second": 2}
    assert steps.read(b'{"format": 2}', path=path) == {"format": 2}
    assert steps.stamp({"a": 1}) == {"format": 2, "a": 1}


def test_losses_of_a_former_checkpoint_go_on_under_the_keys_of_metrics(run: RunDir):
    former = {"meter": {"sums": {"generator/l1": 1.5}, "counts": {"generator/l1": 3}}, "elapsed_s": 2.0}
    change(state_file(run), format=1, ranks=[former])
    meter = {"sums": {"loss/generator/l1": 1.5}, "counts": {"loss/generator/l1": 3}}
    assert read_state(state_file(run).parent).ranks == [{"meter": meter, "elapsed_s": 2.0}]
