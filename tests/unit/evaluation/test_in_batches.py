"""Translations are made in batches where nothing but their image decides them, and one at a time elsewhere."""

import pytest
import torch
from torch import Tensor, nn

from tests.tiny_run import NUM_SAMPLES, subject_of, tiny_config
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.ranks.world import lone_world

CPU = torch.device("cpu")


class Shifts:
    """A method whose network is a layer that may be in training."""

    def __init__(self, *, by_chance: bool = False) -> None:
        self.translates_by_chance = by_chance
        self.seen: list[int] = []

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        self.seen.append(len(image))
        return image * 0.5


@pytest.mark.parametrize(
    ("layer", "training", "by_chance", "together"),
    [
        (nn.InstanceNorm2d(3), True, False, True),
        (nn.BatchNorm2d(3), False, False, True),
        (nn.BatchNorm2d(3), True, False, False),
        (nn.Dropout(), True, False, False),
        (nn.Dropout(), False, True, False),
    ],
)
def test_what_depends_on_its_batch_or_on_chance_is_made_alone(map_dataset, layer, training, by_chance, together):
    method, networks = Shifts(by_chance=by_chance), {"layer": layer.train(training)}
    translator = Translator(method, Networks(networks, networks), torch.contiguous_format)  # pyright: ignore
    evaluator = SplitEvaluator(subject_of(tiny_config(map_dataset)), seed=0, split="test", world=lone_world(CPU))
    scores = evaluator(translator)
    number = NUM_SAMPLES["test"]
    assert method.seen == ([number] if together else [1] * number)
    alone = Translator(Shifts(by_chance=True), Networks({}, {}), torch.contiguous_format)  # pyright: ignore
    again = SplitEvaluator(subject_of(tiny_config(map_dataset)), seed=0, split="test", world=lone_world(CPU))(alone)
    assert scores == pytest.approx(again, abs=1e-6)
