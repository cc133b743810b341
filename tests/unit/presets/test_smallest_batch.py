"""With one image a rank each preset's losses are numbers, or its configuration is refused before anything starts."""

from dataclasses import replace

import pytest
import torch

from tests.unit.methods.players import own_networks
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.shrink import shrink
from trainer.data.batch import Batch
from trainer.methods.registry import build_method
from trainer.presets import load_preset, preset_names
from trainer.runs.config import RunConfig

SMALL = {"num_filters": 4, "num_blocks": 1, "num_inversion_steps": 1, "num_restarts": 1, "side": 0}


def different_configs() -> dict[str, RunConfig]:
    """A preset for each method's section, made narrow but no shallower: the sizes at the bottleneck decide."""
    found: dict[str, RunConfig] = {}
    for name in preset_names():
        config = load_preset(name)
        small = replace(config, method=shrink(config.method, SMALL))
        found.setdefault(f"{small.method} {small.data.crop_size}", small)
    return {config.method.name + str(number): config for number, config in enumerate(found.values())}


@pytest.mark.parametrize("config", different_configs().values(), ids=different_configs())
def test_one_image_a_rank_trains_or_is_refused(config: RunConfig) -> None:
    one = replace(config.train, batch_size_per_gpu=1)
    if config.method.smallest_batch > 1:
        with pytest.raises(ConfigError, match=r"train\.batch_size_per_gpu = 1: .*use 2 or more"):
            replace(config, train=one)
    losses = losses_of_one_batch(replace(config, train=replace(one, batch_size_per_gpu=config.method.smallest_batch)))
    assert losses
    assert all(torch.isfinite(loss) for loss in losses)


def losses_of_one_batch(config: RunConfig) -> list[torch.Tensor]:
    num, height, width = config.train.batch_size_per_gpu, *config.data.crop_shape
    task = Task(channels_a=3, channels_b=3, side=min(height, width), num_labels=3 if config.data.label else 0)
    torch.manual_seed(0)
    method = build_method(config.method, task)
    image = torch.rand(num, 3, height, width) * 2 - 1
    label = torch.arange(num) if config.data.label else None
    other = image if config.method.pairing == "single" else -image
    batch = Batch(a=image, b=other, label=label, index=torch.arange(num))
    networks = own_networks(method)
    fakes = method.forward(networks, batch)
    return [loss for player in method.players for loss in method.losses(player, networks, batch, fakes).values()]
