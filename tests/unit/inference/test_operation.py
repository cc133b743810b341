"""What `diptych translate` does to a picture, and what it says where a method cannot do that."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_run import SIDE, subject_of, tiny_config
from tests.unit.labelled import Coder, Painter, Sampler, config_of, image_of, seen_labels, without_networks
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig
from trainer.inference.operation import Operation, choose_operation
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.cgan.config import CGANConfig

CPU = torch.device("cpu")


class Negative:
    """Translates one way."""

    def translate(self, networks, image):
        return -image


class BothWays(Negative):
    def translate_back(self, networks, image):
        return image / 2


def choose(method: object, config: Any, *, direction: Any = "a2b", label: str | None = None) -> Operation:
    return choose_operation(
        without_networks(method),
        subject_of(config),
        direction=direction,
        label=label,
        device=CPU,
    )


def test_each_way_has_its_channels_and_the_methods_stride(map_dataset: Path):
    config = tiny_config(map_dataset)
    config = replace(config, data=replace(config.data, view_a="height"))
    forth, back = (choose(BothWays(), config, direction=direction) for direction in ("a2b", "b2a"))
    image = torch.ones(1, 1, SIDE, SIDE)
    assert torch.equal(forth.apply(image), -image)
    assert torch.equal(back.apply(image), image / 2)
    assert (forth.source.channels, forth.result.channels) == (1, 3)
    assert (back.source.channels, back.result.channels) == (3, 1)
    assert (forth.stride, forth.side) == (32, None)


def test_where_there_is_one_view_its_channels_count(labelled_dataset: Path):
    operation = choose(Negative(), config_of(labelled_dataset, AutoencoderConfig(), view_a="none such"))
    assert operation.source.channels == 3
    assert operation.side == 16  # these networks take no other size


def test_a_label_is_shown_by_a_method_that_relabels(labelled_dataset: Path):
    operation = choose(Painter(), config_of(labelled_dataset, CGANConfig()), label="blue")
    assert seen_labels(operation.apply(image_of(0, 1, seed=3)[None])[0]) == {"colour": 2, "stripe": 1}
    assert operation.source.channels == 3


def test_a_label_is_added_by_a_method_with_codes(labelled_dataset: Path):
    operation = choose(Coder(), config_of(labelled_dataset, AutoencoderConfig()), label="blue")
    image = image_of(1, 1, seed=3)
    moved = operation.apply(image[None])[0] - image
    # Mean blue less the mean of red and green: half as dark elsewhere, all with the same bars.
    assert moved.mean(dim=(1, 2)).tolist() == pytest.approx([-0.56, -0.56, 1.12], abs=0.1)


@pytest.mark.parametrize(
    ("method", "section", "asked", "message"),
    [
        (Sampler(), CGANConfig(), {}, "method.name = 'cgan': translates no pictures; it draws new ones: use `diptych "),
        (Sampler(), CGANConfig(), {"direction": "b2a"}, "method.name = 'cgan': translates no pictures"),
        (Painter(), CGANConfig(), {}, "method.name = 'cgan': translates no pictures; give --label"),
        (
            Negative(),
            AutoencoderConfig(),
            {"direction": "b2a"},
            "direction = 'b2a': method.name = 'autoencoder' translates from a to b only; use a2b.",
        ),
        (
            Sampler(),
            CGANConfig(),
            {"label": "blue"},
            "label = 'blue': method.name = 'cgan' changes no label of a picture; it draws new ones: use `dipt",
        ),
        (
            Negative(),
            AutoencoderConfig(),
            {"label": "blue"},
            "label = 'blue': method.name = 'autoencoder' changes no label of a picture.",
        ),
        (Painter(), CGANConfig(), {"label": "pink"}, "label = 'pink': data.label = 'colour' has: red, green, blue."),
        (Painter(), CGANConfig(), {"label": "blue", "direction": "b2a"}, "direction = 'b2a': is of no use with label"),
    ],
)
def test_what_a_method_cannot_do(
    method: object, section: MethodConfig, asked: Any, message: str, labelled_dataset: Path
):
    with pytest.raises(ConfigError) as error:
        choose(method, config_of(labelled_dataset, section), **asked)
    assert str(error.value).startswith(message)


def test_a_run_without_labels_knows_none(labelled_dataset: Path):
    config = config_of(labelled_dataset, AutoencoderConfig(), label=None)
    with pytest.raises(ConfigError, match=r"label = 'blue': the run was trained with data\.label = None"):
        choose(Coder(), config, label="blue")
