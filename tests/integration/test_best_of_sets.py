"""An unpaired run is watched, chooses its best checkpoint and ends early by the kernel distance of its translations."""

from pathlib import Path

import pytest

from tests.unit.data.tiny_shards import SHARDS, SIDE, UNPAIRED_SHARDS, write_unpaired_dataset
from trainer.checkpoints.layout import checkpoint_folders
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.engine import EngineConfig
from trainer.config.evaluate import EvaluateConfig
from trainer.config.log import LogConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.loop.setup import open_trainer
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT
from trainer.ranks.world import init_world
from trainer.runs.config import RunConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

KID = "eval/kid/efficientnet-lite0"


def config_of(folder: Path) -> RunConfig:
    """Scored every 4 images. The rate is so low that weights stay as they are: the first score is never improved on."""
    return RunConfig(
        method=CycleGANConfig(
            generator=GeneratorConfig(num_filters=4, num_downs=3, norm="instance"),
            discriminator=PatchGANConfig(num_filters=4, num_layers=1),
        ),
        data=DataConfig(path=folder, view_a="photo", view_b="map", load_size=SIDE, crop_size=SIDE, num_threads=1),
        train=TrainConfig(batch_size_per_gpu=2, total_kimg=0.08, patience_kimg=0.008),
        optimizer=OptimizerConfig(lr=1e-30),
        engine=EngineConfig(device="cpu", precision="fp32"),
        log=LogConfig(period_kimg=0.004, wandb="disabled"),
        samples=SamplesConfig(period_kimg=0, num_rows=1),
        evaluate=EvaluateConfig(period_kimg=0.004, encoded="always"),
        checkpoint=CheckpointConfig(period_kimg=0, keep_best=KID),
    )


@pytest.mark.slow
def test_scores_of_sets_choose_the_best_checkpoint_and_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SHARDS, "val", (21,))
    monkeypatch.setitem(UNPAIRED_SHARDS, "val", {"photo": (20,), "map": (21,)})
    write_unpaired_dataset(tmp_path / "set")
    run = RunDir(tmp_path / "run")
    run.create(config_of(tmp_path / "set"), preset=DEFAULT, command=[])
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    try:
        assert trainer.train()
        trainer.finish()
    finally:
        trainer.close()
    lines = [line for line in read_metrics(run.metrics_file) if KID in line]
    assert [line["position"] for line in lines] == [4, 8, 12]
    assert len({line[KID] for line in lines}) == 1
    assert {f"baseline/{who}/kid/efficientnet-lite0" for who in ("identity", "real")} <= lines[0].keys()
    assert [int(folder.name) for folder in checkpoint_folders(run.checkpoints)] == [4, 12]
    stopped = run.early_stop()
    assert stopped is not None
    assert f"{KID} has not improved on {lines[0][KID]:.5f} of 4 images" in stopped["reason"]
    assert "Kernel distance" in run.report_file.read_text()
