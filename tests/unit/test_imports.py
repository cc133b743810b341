"""Imports point one way, and commands start without the heavy libraries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from tests.unit.import_rules import FLOORS, OURS, RULES, circles, imports_of, module_name, under, violations
from trainer.runs.rundir import RunDir

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: module_name(path, ROOT))
def test_imports_follow_the_design(path: Path) -> None:
    module = module_name(path, ROOT)
    imports = imports_of(path.read_text(), module=module, is_package=path.name == "__init__.py")
    assert violations(module, imports) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sharding.writing.writer", "import trainer.config"),
        ("sharding.sources.pairs", "from trainer import config"),
        ("sharding.reading.reader", "from sharding.writing import writer"),
        ("sharding.reading.reader", "from sharding.writing.writer import write"),
        ("trainer.loop.trainer", "from launch.cli import main"),
        ("trainer.methods.pix2pix.method", "from trainer.ranks.world import World"),
        ("trainer.methods.pix2pix.method", "from ...engine import Engine"),
        ("trainer.networks.unet", "def build():\n    import torch.distributed as dist"),
        ("trainer.losses.adversarial", "from torch import optim"),
        ("trainer.losses.adversarial", "import logging"),
        ("trainer.loop.trainer", "if True:\n    from deepspeed.comm import all_reduce"),
        ("sweeps.tune.run", "import importlib\nimportlib.import_module('deepspeed')"),
        ("trainer.loop.trainer", "import wandb"),
        ("trainer.config", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("launch.cli", "from trainer.methods.pix2pix.method import Pix2Pix"),
        ("trainer.methods.gan.config", "def check():\n    import torch"),
        ("trainer.methods.registry", "from trainer.methods.gan.config import GANConfig"),
        ("trainer.methods.shared.noise", "from trainer.methods.gan.method import GAN"),
        ("trainer.methods.bigan_image.method", "from trainer.methods.bigan.method import BiGAN"),
        ("launch.commands.train", "from sweeps.plan import Sweep"),
        ("launch.cli", "from sweeps.cli import sweep_command"),
        ("sweeps.tune.run", "from launch.ranks.local import start_ranks"),
        ("sweeps.spaces.overrides", "from ray import tune"),
    ],
)
def test_the_checker_finds_a_wrong_import(module: str, source: str) -> None:
    found = violations(module, imports_of(source, module=module))  # perhaps by more than one rule
    assert len({line.partition(":")[0] for line in found}) == 1


def test_the_checker_resolves_relative_imports_of_a_package() -> None:
    source = "from . import pix2pix\nfrom .base import Method\nfrom .. import ranks"
    imports = imports_of(source, module="trainer.methods", is_package=True)
    assert imports == {"trainer.methods.pix2pix", "trainer.methods.base.Method", "trainer.ranks"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sharding.reading.reader", "from sharding.format.manifest import read_manifest"),
        ("trainer.methods.pix2pix.method", "import torch\nfrom trainer.losses.adversarial import bce"),
        ("trainer.engine.engine", "import deepspeed"),
        ("trainer.loop.trainer", "import trainers_of_another_project"),
        ("launch.cli", "from trainer.config import RunConfig"),
        ("launch.commands.sweep", "from sweeps.cli import sweep_command"),
    ],
)
def test_the_checker_lets_a_right_import_pass(module: str, source: str) -> None:
    assert violations(module, imports_of(source, module=module)) == []


def all_imports() -> dict[str, set[str]]:
    """Of every module of ours, those within functions and for types alone, too."""
    return {
        module_name(path, ROOT): imports_of(
            path.read_text(), module=module_name(path, ROOT), is_package=path.name == "__init__.py"
        )
        for path in FILES
    }


def test_no_modules_import_each_other() -> None:
    assert circles(all_imports()) == []


@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        ("trainer.config.errors", "trainer.config.data.DataConfig"),
        ("trainer.ranks.world", "trainer.loop.trainer.Trainer"),
    ],
)
def test_a_planted_circle_is_found(module: str, wrong: str) -> None:
    imports = all_imports()
    imports[module] = imports[module] | {wrong}
    (circle,) = circles(imports)
    assert {module, wrong.rpartition(".")[0]} <= set(circle)


def test_a_straight_line_is_no_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c.d"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c.d"}, "c": {"a.x"}}) == [["a", "b", "c"]]


def test_every_room_has_a_floor() -> None:
    rooms = {room for building in FLOORS for floor in building for room in floor}
    for top in ("sharding", "trainer"):
        found = {f"{top}.{path.stem}" for path in (ROOT / top).iterdir() if path.suffix == ".py" or path.is_dir()}
        assert {name for name in found if not name.rpartition(".")[2].startswith("__")} <= rooms


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason)
def test_every_rule_speaks_of_modules_that_exist(rule) -> None:
    """A renamed module must not slip out of its rule."""
    modules = [module_name(path, ROOT) for path in FILES]
    ours = [name for name in (*rule.of, *rule.besides, *rule.allowed) if name.split(".")[0] in OURS]
    assert [name for name in ours if not any(under(module, (name,)) for module in modules)] == []


@pytest.mark.parametrize(
    "module",
    [
        "trainer.runs.config",
        "trainer.presets",
        "launch.cli",
        "launch.commands.evaluate",
        "launch.commands.sample",
        "launch.commands.translate",
        "launch.commands.verify",
        "sharding.cli",
        "sweeps.cli",
    ],
)
def test_a_command_starts_without_the_heavy_libraries(module: str) -> None:
    heavy = ("torch", "deepspeed", "nvidia.dali", "ray", "wandb", "matplotlib", "fsspec", "aiohttp", "botocore")
    code = f"import {module}, sys; print(sorted(set({heavy}) & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (shown.stdout.strip(), shown.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("trainer.loop.session", ("torchmetrics", "torchvision", "matplotlib", "wandb", "ray")),
        ("trainer.evaluation.metrics.ssim", ("torchmetrics", "torchvision", "matplotlib")),
        (
            "trainer.inference.translate",
            ("deepspeed", "nvidia.dali", "torchmetrics", "torchvision", "matplotlib", "wandb", "ray"),
        ),
    ],
)
def test_the_first_step_and_the_first_picture_wait_for_no_library_that_they_do_not_need(
    module: str, unneeded: tuple[str, ...]
) -> None:
    code = f"import {module}, sys; print(sorted(set({unneeded}) & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.stdout.strip() == "[]", shown.stderr


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which there is runs/tiny."""
    folder = tmp_path_factory.mktemp("runs")
    write_map_dataset(folder / "shards")
    write_tiny_run(RunDir(folder / "runs" / "tiny"), tiny_config(folder / "shards"))
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "evaluate RUN --checkpoint nowhere",
        "evaluate RUN --split nowhere",
        "sample RUN --out new --checkpoint nowhere",
        "translate RUN --in PICTURES --out new --checkpoint nowhere",
        "translate RUN --in nowhere --out new",
        "evaluate nowhere",
        "train --data.path nowhere",
        "train --resume nowhere",
        "sweep --data.path nowhere",
        "verify nowhere",
    ],
)
def test_a_wrong_path_is_answered_without_the_heavy_libraries(tiny_run: Path, command: str) -> None:
    code = """
import sys
from launch.cli import main
status = main(sys.argv[1:])
print(status, sorted({"torch", "nvidia.dali", "deepspeed", "ray", "matplotlib"} & set(sys.modules)))
"""
    words = command.replace("RUN", "runs/tiny").replace("PICTURES", ".").split()
    shown = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tiny_run,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.splitlines()[-1] in ("1 []", "2 []"), shown.stderr
    assert "nowhere" in shown.stderr
