"""A generator with spectral norm at every way of storing weights: its step, its average, its checkpoint."""

from pathlib import Path

import pytest
import torch

from tests.unit.engine.test_engine import config_of, make_engine, train
from trainer.config.adversarial import AdversarialConfig
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.methods.pix2pix.config import Pix2PixConfig

METHOD = Pix2PixConfig(
    # Weights large enough, above 1e5, for ZeRO 3 to release them.
    generator=GeneratorConfig(num_filters=24, num_downs=5, spectral_norm=True),
    discriminator=PatchGANConfig(num_filters=4, num_layers=1),
    adversarial=AdversarialConfig(),
)


def losses(engine: Engine, *, step: int) -> dict[str, float]:
    return {name: loss.item() for name, loss in train(engine, step=step).items()}


@pytest.mark.parametrize("zero_stage", [2, pytest.param(3, marks=pytest.mark.soak)])
def test_it_trains_and_is_restored_as_without_zero(zero_stage: int, tmp_path: Path) -> None:
    plain, other = (make_engine(config_of(METHOD, zero_stage=stage)) for stage in (0, zero_stage))
    with plain.gathered() as networks:
        average = MovingAverage(networks, half_life_kimg=1)
    for step in range(3):
        assert losses(other, step=step) == pytest.approx(losses(plain, step=step), rel=1e-5)
        with plain.gathered() as networks:
            average.update(networks, position=1000 * (step + 1), num_images=500)
    other.save(tmp_path)
    restored = make_engine(config_of(METHOD, zero_stage=zero_stage))
    restored.load(tmp_path, saved_ranks=1)
    assert losses(restored, step=3) == losses(other, step=3)

    layers = [layer for layer in average.networks["generator"].modules() if isinstance(layer, torch.nn.Conv2d)]
    average.networks["generator"].eval()
    largest = [torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).item() for layer in layers]
    assert len(largest) == 5
    assert largest == pytest.approx([1.0] * 5, rel=0.1)
