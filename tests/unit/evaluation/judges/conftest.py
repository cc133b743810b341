"""A data set of scenes, and a network that has learnt to read them."""

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.unit.evaluation.judges.scenes import write_scenes
from trainer.evaluation.judges.fcn_data import Scenes, open_scenes
from trainer.evaluation.judges.fcn_training import FcnTraining, train_fcn
from trainer.ranks.world import lone_world

OPTIONS = FcnTraining(network="small", total_kimg=0.16, batch_size=8, lr=3e-3, seed=0, weights=None)


@pytest.fixture(scope="session")
def scenes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read it, never write."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder)
    return folder


@pytest.fixture(scope="session")
def scenes(scenes_folder: Path) -> Scenes:
    return open_scenes(scenes_folder, photo=None, labels="numbers", size=None)


@pytest.fixture(scope="session")
def fcn_file(tmp_path_factory: pytest.TempPathFactory, scenes: Scenes) -> Path:
    """Of a network that reads the scenes."""
    out = tmp_path_factory.mktemp("fcn") / "scenes.fcn"
    train_fcn(scenes, OPTIONS, out=out, world=lone_world(torch.device("cpu")), tell=lambda done, total: None)
    return out


@pytest.fixture
def recorded_console() -> Console:
    """Shows nothing, and keeps what it would show."""
    return Console(file=io.StringIO(), record=True, width=200)
