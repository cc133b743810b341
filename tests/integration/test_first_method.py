"""What CONTRIBUTING tells who makes a first method, done to the letter in a copy of the tree: it trains."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.copied_tree import ROOT, copy_packages, diptych
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.rundir import RunDir

pytestmark = pytest.mark.slow

SMALL = (
    *("--data.view-a", "a", "--data.view-b", "b", "--data.load-size", "64", "--data.crop-size", "64"),
    *("--method.generator.num-downs", "4", "--method.generator.num-filters", "4"),
    *("--method.discriminator.num-filters", "4", "--method.discriminator.num-layers", "1"),
    *("--train.total-kimg", "0.004", "--train.batch-size-per-gpu", "2", "--log.period-kimg", "0.002"),
    *(
        "--samples.period-kimg",
        "0",
        "--evaluate.period-kimg",
        "0",
        "--engine.device",
        "cpu",
        "--engine.precision",
        "fp32",
    ),
)


def blocks() -> list[str]:
    """The fenced blocks of the section, in order: how to copy a folder, the preset, what to run then."""
    section = re.search(
        r"^## Your first method.*?^## ", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert section is not None
    return re.findall(r"^```\w*\n(.*?)^```", section[0], re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages, with the first two blocks carried out."""
    tree = copy_packages(tmp_path_factory.mktemp("tree"))
    copying, preset, _ = blocks()
    subprocess.run(["bash", "-euc", copying], cwd=tree, check=True)
    (tree / "trainer" / "presets" / "mine.py").write_text(preset)
    return tree


def test_the_commands_that_follow_are_of_the_new_method():
    assert re.findall(r"^(diptych \w+ mine|make [a-z]+)", blocks()[2], re.MULTILINE) == [
        "diptych train mine",
        "diptych launch mine",
        "make golden",
        "make check",
    ]


def test_its_help_shows_its_fields_without_a_warning(tree: Path):
    said = diptych("train", "mine", "--help", tree=tree)
    assert "--method.weight-l1 FLOAT" in said
    assert "Warning" not in said


def test_it_trains_on_its_new_loss(tree: Path, tiny_dataset: Path):
    diptych("train", "mine", "--name", "first", "--data.path", tiny_dataset, *SMALL, tree=tree)
    run = RunDir(tree / "runs" / "first")
    assert json.loads(run.run_file.read_text())["config"]["method"]["name"] == "mine"
    assert all(line["loss/generator/l1"] > 0 for line in read_metrics(run.metrics_file) if "lr" in line)
    method = (tree / "trainer" / "methods" / "mine" / "method.py").read_text()
    assert ("F.mse_loss(" in method, "F.l1_loss(" in method) == (True, False)
