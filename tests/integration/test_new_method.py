"""A method is one folder and one preset: laid into a copy of the tree, they are all that the real command asks for."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.copied_tree import add_method, copy_packages, diptych, python
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow

CONFIG = '''"""The section of a toy."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.config.checks import check_stride
from trainer.config.data import DataConfig
from trainer.config.method import MethodConfig
from trainer.config.networks import GeneratorConfig


@dataclass(frozen=True, kw_only=True)
class ToyConfig(MethodConfig):
    """A mapping that learns a distance alone."""

    name: Literal["toy"] = "toy"
    pairing = "paired"

    mapping: GeneratorConfig = field(default_factory=GeneratorConfig)
    distance: Literal["l1", "l2"] = "l1"
    """What it minimises."""
    weight_distance: float = 3.0
    """Weight of that."""

    def check(self, data: DataConfig) -> None:
        check_stride(data, mapping=self.mapping)
'''

METHOD = '''"""A toy."""

import torch.nn.functional as F
from torch import nn

from trainer.config.method import Task
from trainer.methods.base import Method, Player
from trainer.methods.toy.config import ToyConfig
from trainer.networks.generator import build_generator


def build(config: ToyConfig, task: Task) -> Method:
    return Toy(config, task)


class Toy(Method):
    """min d(G(x), y)."""

    def __init__(self, config: ToyConfig, task: Task) -> None:
        self.config = config
        mapping = build_generator(config.mapping, in_channels=task.channels_a, out_channels=task.channels_b)
        self.players = {"mapping": Player(networks=nn.ModuleDict({"mapping": mapping}))}
        self.averaged = ("mapping",)

    def forward(self, networks, batch):
        return {"fake_b": networks["mapping"](batch.a)}

    def losses(self, player, networks, batch, fakes):
        distance = F.l1_loss if self.config.distance == "l1" else F.mse_loss
        return {"distance": self.config.weight_distance * distance(fakes["fake_b"], batch.b)}

    def columns(self, networks, batch):
        return {"input": batch.a, "translation": self.translate(networks, batch.a), "target": batch.b}

    def translate(self, networks, image):
        return networks["mapping"](image)
'''

PRESET = '''"""A toy.

Command: `diptych train toy`.
"""

from pathlib import Path

from trainer.config.data import DataConfig
from trainer.config.networks import GeneratorConfig
from trainer.config.engine import EngineConfig
from trainer.config.log import LogConfig
from trainer.config.samples import SamplesConfig
from trainer.config.evaluate import EvaluateConfig
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.train import TrainConfig
from trainer.methods.toy.config import ToyConfig
from trainer.runs.config import RunConfig


def preset() -> RunConfig:
    return RunConfig(
        method=ToyConfig(mapping=GeneratorConfig(num_filters=4, num_downs=3), distance="l2"),
        data=DataConfig(path=Path("nowhere"), view_a="a", view_b="b", load_size=36, crop_size=32, num_threads=1),
        train=TrainConfig(total_kimg=0.016, batch_size_per_gpu=2),
        engine=EngineConfig(device="cpu", precision="fp32"),
        log=LogConfig(period_kimg=0.004, wandb="disabled"),
        samples=SamplesConfig(period_kimg=0, num_rows=1),
        evaluate=EvaluateConfig(period_kimg=0),
        checkpoint=CheckpointConfig(period_kimg=0.008),
    )
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our packages and, besides, one new folder and one new preset."""
    tree = copy_packages(tmp_path_factory.mktemp("tree"))
    add_method(tree, "toy", config=CONFIG, method=METHOD, preset=PRESET)
    return tree


@pytest.fixture(scope="module")
def run(tree: Path, tiny_dataset: Path) -> RunDir:
    """Of 16 images in 8 steps, with a checkpoint in the middle."""
    diptych("train", "toy", "--data.path", tiny_dataset, "--name", "made", "--method.weight-distance", "2", tree=tree)
    return RunDir(tree / "runs" / "made")


def losses(run: RunDir) -> list[tuple[int, float]]:
    name = "loss/mapping/distance"
    return [(line["position"], line[name]) for line in read_metrics(run.metrics_file) if name in line]


def test_help_shows_its_fields_with_their_types(tree: Path):
    said = diptych("train", "toy", "--help", tree=tree)
    for field in ("--method.distance {l1,l2}", "--method.weight-distance FLOAT", "--method.mapping.num-filters INT"):
        assert field in said
    assert "What it minimises. (default: l2)" in said
    assert "--method.generator" not in said


def test_its_own_flags_are_checked_as_all_are(tree: Path, tiny_dataset: Path):
    said = diptych(
        "train",
        "toy",
        "--data.path",
        tiny_dataset,
        "--method.mapping.residual",
        "--data.crop-size",
        "20",
        tree=tree,
        status=2,
    )
    assert "data.crop_size = 20" in said


def test_it_trains_and_its_section_is_stored(run: RunDir):
    method = json.loads(run.run_file.read_text())["config"]["method"]
    assert (method["name"], method["distance"], method["weight_distance"]) == ("toy", "l2", 2.0)
    assert method["mapping"]["num_filters"] == 4
    assert [position for position, _ in losses(run)] == [4, 8, 12, 16]


def test_it_resumes_in_the_middle_and_evaluates_and_translates(run: RunDir, tree: Path):
    before = losses(run)
    newest = max(run.checkpoints.iterdir())
    assert (newest.name, len(list(run.checkpoints.iterdir()))) == ("00000016", 2)
    shutil.rmtree(newest)
    diptych("train", "--resume", run.path, tree=tree)
    assert losses(run) == before  # the second half anew, to the bit
    assert newest.is_dir()

    run.evaluation_file.unlink()
    (tree / "in").mkdir()
    Image.linear_gradient("L").resize((40, 33)).convert("RGB").save(tree / "in" / "odd.png")
    commands = [["evaluate", str(run.path)], ["translate", str(run.path), "--in", "in", "--out", "out"]]
    python("-c", f"from launch.cli import main; print([main(command) for command in {commands}])", tree=tree)
    assert "eval/psnr" in json.loads(run.evaluation_file.read_text())["splits"]["test"]["scores"]
    assert [Image.open(path).size for path in (tree / "out").glob("[!.]*")] == [(40, 33)]
