"""A method with a code of content and one of style, laid into a copy of the tree: nothing else is edited for its
variations, its references, and ways between its codes.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.integration.copied_tree import add_method, copy_packages, diptych, python
from tests.integration.test_new_method import PRESET

pytestmark = pytest.mark.slow

CONFIG = '''"""The section of a method with two codes."""

from dataclasses import dataclass
from typing import Literal

from trainer.config.method import MethodConfig


@dataclass(frozen=True, kw_only=True)
class TwoCodesConfig(MethodConfig):
    """Content from view a, style from view b."""

    name: Literal["twocodes"] = "twocodes"
    generators = ("mapping",)
    pairing = "paired"
'''

METHOD = '''"""A method with two codes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.methods.base import Method, Player
from trainer.methods.twocodes.config import TwoCodesConfig


@dataclass(frozen=True)
class TwoCodes:
    content: Tensor
    style: Tensor


def build(config: TwoCodesConfig, task: Task) -> Method:
    return Mapping()


class Mapping(Method):
    """G(c, s) = tanh(W c + s), where s is what a linear map makes of an image's mean colour."""

    translates_by_chance = True
    averaged = ("painter", "stylist")

    def __init__(self) -> None:
        networks = {"painter": nn.Conv2d(3, 3, 1), "stylist": nn.Linear(3, 3)}
        self.players = {"mapping": Player(networks=nn.ModuleDict(networks))}

    def decode(self, networks, code):
        return torch.tanh(networks["painter"](code.content) + code.style[:, :, None, None])

    def encode(self, networks, image):
        return TwoCodes(content=image, style=networks["stylist"](image.mean((2, 3))))

    def forward(self, networks, batch):
        style = self.encode(networks, batch.b).style
        return {"fake_b": self.decode(networks, TwoCodes(content=batch.a, style=style))}

    def losses(self, player, networks, batch, fakes):
        return {"distance": F.l1_loss(fakes["fake_b"], batch.b)}

    def translate(self, networks, image):
        return self.decode(networks, TwoCodes(content=image, style=torch.randn(len(image), 3)))

    def translate_styled(self, networks, image, style):
        return self.decode(networks, TwoCodes(content=image, style=self.encode(networks, style).style))

    def columns(self, networks, batch):
        return {"input": batch.a, "styled": self.translate_styled(networks, batch.a, batch.b), "target": batch.b}
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, tiny_dataset: Path) -> Path:
    """Our packages with the method, a run of 16 images, and pictures to translate and to look like."""
    tree = copy_packages(tmp_path_factory.mktemp("tree"))
    preset = PRESET.replace("methods.toy", "methods.twocodes").replace("ToyConfig", "TwoCodesConfig")
    section = 'mapping=GeneratorConfig(num_filters=4, num_downs=3), distance="l2"'
    assert section in preset
    add_method(tree, "twocodes", config=CONFIG, method=METHOD, preset=preset.replace(section, ""))
    (tree / "in").mkdir()
    Image.linear_gradient("L").resize((40, 33)).convert("RGB").save(tree / "in" / "odd.png")
    for name, color in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        Image.new("RGB", (32, 32), color).save(tree / f"{name}.png")
    diptych("train", "twocodes", "--data.path", tiny_dataset, "--name", "made", tree=tree)
    return tree


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_variations_references_and_ways_between_codes(tree: Path):
    use = ["runs/made", "--in", "in", "--out"]
    commands = [
        ["translate", *use, "varied", "--num", "3"],
        ["translate", *use, "red", "--style", "red.png"],
        ["translate", *use, "blue", "--style", "blue.png"],
        ["sample", "runs/made", "--out", "between", "--num", "3", "--between", "red.png", "blue.png"],
    ]
    said = python("-c", f"from launch.cli import main; print([main(command) for command in {commands}])", tree=tree)
    assert said.splitlines()[-1] == "[0, 0, 0, 0]"
    assert sorted(path.name for path in (tree / "varied").glob("[!.]*")) == ["odd-1.png", "odd-2.png", "odd-3.png"]
    assert len({(tree / "varied" / f"odd-{number}.png").read_bytes() for number in (1, 2, 3)}) == 3
    assert not np.array_equal(pixels(tree / "red" / "odd.png"), pixels(tree / "blue" / "odd.png"))
    first, middle, last = (pixels(tree / "between" / f"000{number}.png") for number in range(3))
    assert not np.array_equal(first, last)
    assert ((np.minimum(first, last) - 1 <= middle) & (middle <= np.maximum(first, last) + 1)).all()
