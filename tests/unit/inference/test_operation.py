"""What `diptych translate` does to a picture, and what it says where a method cannot do that."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

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


class Searcher(BothWays):
    """Finds another translation at each try."""

    translates_by_chance = True


class Coin(Negative):
    """Its codes have a variance, if it is told so."""

    translates_by_chance = False

    def __init__(self, *, varies: bool) -> None:
        self.varies = varies

    def vary(self, networks, image):
        return image + 1


class Copyist(Negative):
    """Takes the style's mean."""

    def translate_styled(self, networks, image, style):
        return 0 * image + style.mean()


def choose(method: object, config: Any, *, direction: Any = "a2b", label: str | None = None, **options) -> Operation:
    return choose_operation(
        without_networks(method),
        subject_of(config),
        direction=direction,
        label=label,
        device=CPU,
        **options,
    )


def test_variations_are_those_that_a_method_draws(map_dataset: Path):
    image, config = torch.ones(1, 3, SIDE, SIDE), tiny_config(map_dataset)
    assert torch.equal(choose(Coin(varies=True), config, num=2).apply(image), image + 1)
    assert torch.equal(choose(Coin(varies=True), config).apply(image), -image)  # one is the likeliest
    assert torch.equal(choose(Searcher(), config, num=2).apply(image), -image)
    assert torch.equal(choose(Searcher(), config, num=2, direction="b2a").apply(image), image / 2)


def test_a_style_is_that_of_a_picture(map_dataset: Path, tmp_path: Path):
    Image.new("RGB", (50, 40), (255, 255, 255)).save(tmp_path / "white.png")
    operation = choose(Copyist(), tiny_config(map_dataset), style=tmp_path / "white.png")
    torch.testing.assert_close(operation.apply(torch.zeros(1, 3, SIDE, SIDE)), torch.ones(1, 3, SIDE, SIDE))


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (Coin(varies=False), {"num": 5}, r"num = 5: method\.name = '\w+' translates a picture in one way: .*; use 1"),
        (Searcher(), {"num": 2, "label": "blue"}, r"num = 2: is of no use with label = 'blue'"),
        (Negative(), {"style": Path("x.png")}, r"style = 'x\.png': method\.name = '\w+' has no code of a style"),
        (Copyist(), {"style": Path("x.png")}, r"style = 'x\.png': .*; give another picture"),
        (Copyist(), {"style": Path("x.png"), "num": 2}, r"num = 2: is of no use with style = 'x\.png'"),
        (Copyist(), {"style": Path("x.png"), "label": "blue"}, r"style = 'x\.png': is of no use with label = 'blue'"),
    ],
)
def test_what_a_method_has_no_source_of_is_refused(map_dataset: Path, method, options, message):
    with pytest.raises(ConfigError, match=message):
        choose(method, tiny_config(map_dataset), **options)


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
