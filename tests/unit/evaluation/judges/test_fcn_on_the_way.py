"""While a run trains, the watched split is judged by a segmentation network, and the best checkpoint chosen by it."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from launch.run_options import parse_train
from launch.starting import check_subject
from sweeps.metrics import available_metrics
from tests.integration.test_best_of_sets import config_of
from tests.tiny_run import CHANNELS, tiny_config, write_tiny_run
from trainer.checkpoints.layout import checkpoint_folders
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.errors import ConfigError
from trainer.config.evaluate import EvaluateConfig
from trainer.evaluation.evaluate import evaluate_run
from trainer.evaluation.judges.asked import Asked
from trainer.evaluation.scores import SCORES, check_kept_score
from trainer.inference.translator import load_translator
from trainer.loop.held_out import HeldOut
from trainer.loop.setup import open_trainer
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT
from trainer.ranks.world import init_world, lone_world
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
WORLD = lone_world(CPU)
MIOU = "eval/fcn_miou"


@pytest.fixture
def run(tmp_path: Path, scenes_folder: Path, fcn_file: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """Makes photos of labels, and is watched by a copy of the network."""
    monkeypatch.setitem(CHANNELS, "colors", 3)
    run, config = RunDir(tmp_path / "runs" / "photos"), tiny_config(scenes_folder)
    data = replace(config.data, view_a="colors", view_b="photo", load_size=32, crop_size=32)
    evaluate = EvaluateConfig(encoder="none", fcn=Path(shutil.copy(fcn_file, tmp_path)))
    write_tiny_run(run, replace(config, data=data, evaluate=evaluate))
    return run


def held_out(run: RunDir) -> HeldOut:
    opened = open_run(run)
    return HeldOut(opened, world=WORLD, translator=load_translator(opened, device=CPU)[0])


def test_the_watched_split_has_the_scores_of_the_command(run: RunDir, fcn_file: Path, recorded_console) -> None:
    scores = held_out(run).score()
    later = evaluate_run(open_run(run), device=CPU, split="val", asked=Asked(fcn=fcn_file), console=recorded_console)
    names = [key for key in later if "fcn_" in key]
    assert MIOU in names
    assert {key: scores[key] for key in names} == {key: later[key] for key in names}
    assert SCORES["fcn_miou"].is_followed
    assert not SCORES["accuracy/{name}"].is_followed


def test_a_run_keeps_to_the_network_that_it_began_with(run: RunDir) -> None:
    held_out(run)
    opened = open_run(run)
    fcn = opened.config.evaluate.fcn
    assert fcn is not None
    assert opened.encoders == {"fcn": hashlib.sha256(fcn.read_bytes()).hexdigest()}
    fcn.write_bytes(fcn.read_bytes() + b"0")
    with pytest.raises(ConfigError, match=r"^evaluate\.fcn = .*not the file that the run began with"):
        held_out(run)


def test_sweeps_and_checkpoints_choose_by_it_where_it_is_found(run: RunDir) -> None:
    opened = open_run(run)
    assert MIOU in available_metrics(opened.config, opened.manifest)
    without = replace(opened.config, evaluate=EvaluateConfig())
    assert MIOU not in available_metrics(without, opened.manifest)
    check_kept_score(MIOU, opened.subject, fcn=True)
    with pytest.raises(ConfigError, match=r"^checkpoint\.keep_best = .*by a segmentation network: evaluate\.fcn"):
        check_kept_score(MIOU, opened.subject)


def test_what_cannot_judge_is_told_before_the_start(run: RunDir, map_dataset: Path) -> None:
    opened = open_run(run)
    check_subject(opened.subject, opened.config)
    with pytest.raises(ConfigError, match=r"^evaluate\.fcn = .*evaluate\.period_kimg, which is 0"):
        parse_train(["--evaluate.fcn", "scenes.fcn", "--evaluate.period-kimg", "0"], prog="diptych train")
    with pytest.raises(ConfigError, match=r"^evaluate\.fcn = .*there is no such file"):
        check_subject(opened.subject, replace(opened.config, evaluate=EvaluateConfig(fcn=map_dataset / "none")))
    with pytest.raises(ConfigError, match=r"^evaluate\.fcn = .*holds no segmentation network"):
        no_network = EvaluateConfig(fcn=Path(__file__))
        check_subject(opened.subject, replace(opened.config, evaluate=no_network))


def test_a_relative_file_is_found_from_where_the_run_was_started(
    run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, other = open_run(run).config, RunDir(tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    other.create(replace(config, evaluate=EvaluateConfig(fcn=Path("scenes.fcn"))), preset=DEFAULT, command=[])
    monkeypatch.chdir(tmp_path.parent)
    assert open_run(other).config.evaluate.fcn == tmp_path / "scenes.fcn"


@pytest.mark.slow
def test_it_chooses_the_best_checkpoint_and_ends_the_run(run: RunDir, tmp_path: Path) -> None:
    judged, config = open_run(run).config, config_of(tmp_path)
    evaluate = replace(judged.evaluate, period_kimg=0.004)
    checkpoint = CheckpointConfig(period_kimg=0, keep_best=MIOU)
    own = RunDir(tmp_path / "own")
    own.create(
        replace(config, method=judged.method, data=judged.data, evaluate=evaluate, checkpoint=checkpoint),
        preset=DEFAULT,
        command=[],
    )
    trainer = open_trainer(open_run(own), world=init_world("cpu"), to_console=False)
    try:
        assert trainer.train()
        trainer.finish()
    finally:
        trainer.close()
    lines = [line for line in read_metrics(own.metrics_file) if MIOU in line]
    assert [line["position"] for line in lines] == [4, 8, 12]
    assert lines[0]["baseline/real/fcn_miou"] > lines[0][MIOU]
    assert [int(folder.name) for folder in checkpoint_folders(own.checkpoints)] == [4, 12]
    stopped = own.early_stop()
    assert stopped is not None
    assert MIOU in stopped["reason"]
    assert not any("fcn_" in key for key in own.evaluations()["test"]["scores"])
    assert "FCN" in own.report_file.read_text()
