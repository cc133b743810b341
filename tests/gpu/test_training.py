"""What only a GPU can show: each arithmetic, compiled networks, CUDA graphs, ZeRO, and ranks over NCCL, in whole runs.

`make test-gpu` runs them with the other tests marked so. Not yet run on a GPU.
"""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.shrink import shrink
from trainer.config.engine import EngineConfig
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.gpu

PATIENCE_S = 540  # kernels are compiled
CASES: dict[str, dict[str, Any]] = {
    "fp32": {"precision": "fp32", "tf32": False},
    "tf32": {"precision": "fp32"},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "compiled": {"precision": "fp32", "compile": "default"},
    "graphs": {"precision": "fp32", "compile": "reduce-overhead"},
    "compiled-bf16": {"precision": "bf16", "compile": "default"},
    "zero2": {"precision": "fp32", "zero_stage": 2},
    "zero3": {"precision": "fp32", "zero_stage": 3},
    "offloaded": {"precision": "fp32", "zero_stage": 2, "offload_optimizer": True},
}


def trained(folder: Path, dataset: Path, engine: EngineConfig, *, num_procs: int = 1) -> list[dict[str, Any]]:
    """The lines of losses of a run of 20 steps, which was scored at its end and left its pictures."""
    config = replace(shrink(load_preset(DEFAULT), dataset=dataset), engine=engine)
    run = RunDir(folder)
    run.create(config, preset=DEFAULT, command=[])
    command = [sys.executable, "-m", "launch.cli", "train", "--resume", str(folder), "--num-procs", str(num_procs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in read_metrics(run.metrics_file) if "lr" in line]
    assert all(math.isfinite(value) for line in lines for key, value in line.items() if key.startswith("loss/"))
    return lines


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory, tiny_dataset: Path) -> list[dict[str, Any]]:
    return trained(tmp_path_factory.mktemp("cpu") / "run", tiny_dataset, EngineConfig(device="cpu", precision="fp32"))


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_a_gpu_trains_as_the_cpu_does(options: dict[str, Any], on_cpu, tmp_path: Path, tiny_dataset: Path):
    """L1 is 100 times the mean difference of pictures, and hardly moves in 20 steps: an arithmetic gone wrong shows."""
    ours = trained(tmp_path / "run", tiny_dataset, EngineConfig(device="cuda", **options))
    assert len(ours) == len(on_cpu)
    for line, theirs in zip(ours, on_cpu, strict=True):
        assert line["loss/generator/l1"] == pytest.approx(theirs["loss/generator/l1"], rel=0.1)


def test_two_gpus_train_over_nccl(tmp_path: Path, tiny_dataset: Path):
    import torch

    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    assert trained(tmp_path / "run", tiny_dataset, EngineConfig(device="cuda"), num_procs=2)
