"""The benchmark's rival: a clone of the incumbent, of whichever version."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.cases import CASES
from benchmarks.incumbent import incumbent
from trainer.ranks.world import lone_world

OPTIONS = """
import argparse

class TrainOptions:
    def parse(self):
        parser = argparse.ArgumentParser()
        for name in ("dataroot", "name", "checkpoints_dir", "model", "netG", {gpu_ids}):
            parser.add_argument("--" + name)
        for name in ("ngf", "ndf", "batch_size", "load_size", "crop_size"):
            parser.add_argument("--" + name, type=int)
        return parser.parse_args()
"""
MODELS = """
import torch

class Model:
    model_names = ["G", "D"]

    def __init__(self, options):
        self.device = {device}
        self.netG = self.netD = None

    def setup(self, options):
        assert not torch.distributed.is_initialized()
        self.netG = torch.nn.Conv2d(3, 3, 1).to(self.device)
        self.netD = torch.nn.Conv2d(6, 1, 1).to(self.device)

    def set_input(self, batch):
        self.a, self.b = batch["A"].to(self.device), batch["B"].to(self.device)

    def optimize_parameters(self):
        self.netD(torch.cat([self.netG(self.a), self.b], 1)).mean().backward()

def create_model(options):
    return Model(options)
"""


@pytest.mark.parametrize(
    ("gpu_ids", "device"), [('"gpu_ids"', "torch.device('cpu')"), ("", "options.device")], ids=["2024", "newest"]
)
def test_a_step_of_each_version_of_the_incumbent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu_ids: str, device: str
):
    """Stand-ins with the names that its `train.py` uses: who says where the networks lie is what differs. The newest
    makes them in `setup`.
    """
    for folder in ("options", "models"):
        (tmp_path / folder).mkdir()
    (tmp_path / "options" / "base_options.py").write_text("--gpu_ids" if gpu_ids else "")
    (tmp_path / "options" / "train_options.py").write_text(OPTIONS.format(gpu_ids=gpu_ids))
    (tmp_path / "models" / "__init__.py").write_text(MODELS.format(device=device))
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("options", "options.train_options", "models"):
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)  # as in the benchmark, of one process
    step = incumbent(replace(CASES[0], side=8), lone_world(torch.device("cpu")), tmp_path)
    step()
