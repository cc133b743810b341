"""What `pip install diptych` brings, without any extra, translates and exports."""

import shutil
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from tests.unit.test_packaging import EXTRAS, ROOT
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow

HIDING = '''
"""A Python in which some modules are not installed."""
import sys
from launch.extras import EXTRAS

HIDDEN = {*EXTRAS} - {"nvidia"} | {"nvidia.dali"}


class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if HIDDEN & {parts[0], ".".join(parts[:2])}:
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)


sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
import launch.cli

assert launch.cli.__file__.startswith(sys.argv[1]), launch.cli.__file__
status = launch.cli.main(sys.argv[2:])
assert not HIDDEN & {*sys.modules}
sys.exit(status)
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a wheel, built of a copy of the tree, is unpacked to."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("sharding", "trainer", "launch", "sweeps"):
        shutil.copytree(ROOT / name, folder / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree")
    build = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    command = [sys.executable, "-c", build, str(folder)]
    subprocess.run(command, cwd=folder / "tree", check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    ZipFile(wheel).extractall(folder / "site")
    (folder / "hiding.py").write_text(HIDING)
    return folder / "site"


def diptych(installed: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(installed.parent / "hiding.py"), str(installed), *map(str, arguments)]
    environment = {"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "HOME": str(installed.parent)}
    return subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True, check=False)


def test_the_core_requires_none_of_the_heavy_packages(installed: Path):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    lines = Parser().parsestr(metadata.read_text()).get_all("Requires-Dist") or []
    required = [Requirement(line) for line in lines]
    core = {requirement.name for requirement in required if requirement.marker is None}
    assert {"torch", "pillow", "tyro"} <= core
    assert not core & {"deepspeed", "nvidia-dali-cuda130", "ray", "wandb", "optuna", "opencv-python-headless"}
    assert len(core) < 20


def test_it_translates_and_says_what_the_rest_needs(installed: Path, tmp_path: Path):
    write_map_dataset(tmp_path / "data")
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "data"))
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "x.png")
    done = diptych(installed, "translate", run.path, "--in", tmp_path / "x.png", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "out" / "x.png").size == (50, 40)
    for command, extra in (
        (["train"], "train"),
        (["shard", "earth", "--out", tmp_path / "shards"], "data"),
        (["export", run.path, "--format", "onnx", "--out", tmp_path / "exported"], "onnx"),
    ):
        refused = diptych(installed, *command)
        assert (refused.returncode, f"pip install 'diptych[{extra}]'" in " ".join(refused.stderr.split())) == (2, True)
        assert extra in EXTRAS
