"""Pictures by tiles: where tiles lie, how they are joined, and that norms see the whole picture."""

import numpy as np
import pytest
import torch
from torch import nn

from trainer.config.errors import ConfigError
from trainer.inference.manner import parse_manner
from trainer.inference.tiles import bands
from trainer.inference.tiles.bands import translate_by_tiles
from trainer.inference.tiles.grid import Tiling, fitted, spans, weights
from trainer.inference.tiles.statistics import common_statistics
from trainer.inference.uncertainty import spreading

STRIDE = 4


class Picture:
    """Rows of noise whose brightness falls from left to right, so that tiles differ."""

    def __init__(self, width, height):
        torch.manual_seed(0)
        self.image = torch.rand(3, height, width) - torch.linspace(0, 1, width)
        self.size = width, height

    def read(self, top, bottom):
        return self.image[:, top:bottom]


def tiled(picture, apply, networks=(), *, side=32, overlap=8):
    tiling = fitted(Tiling(side=side, overlap=overlap), stride=STRIDE)
    return torch.cat(list(translate_by_tiles(picture, apply, tiling=tiling, stride=STRIDE, networks=networks)), dim=1)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 100, 257])
@pytest.mark.parametrize("overlap", [0, 8, 16])
def test_tiles_cover_a_side_and_count_one_in_all(length, overlap):
    places = spans(length, fitted(Tiling(side=32, overlap=overlap), stride=STRIDE), stride=STRIDE)
    total, before = np.zeros(length), -1
    for (begin, end), weight in zip(places, weights(places), strict=True):
        assert begin % STRIDE == 0
        assert before < begin < end <= begin + 32
        assert len(weight) == end - begin
        assert weight.min() >= 0
        total[begin:end] += weight
        before = begin
    np.testing.assert_allclose(total, 1, rtol=1e-6)


@pytest.mark.parametrize("stride", [1, 4, 32, 256])
def test_a_tiling_is_fitted_to_the_stride(stride):
    fit = fitted(Tiling(side=100, overlap=10), stride=stride)
    assert fit.side % stride == 0 and fit.side >= 100
    assert (fit.side - fit.overlap) % stride == 0
    assert 10 <= fit.overlap <= fit.side // 2 or stride == 1


@pytest.mark.parametrize("size", [(20, 20), (32, 70), (100, 33), (101, 95)])
def test_an_identity_survives_all_joins(size):
    picture = Picture(*size)
    torch.testing.assert_close(tiled(picture, lambda image: image), picture.image)


@pytest.mark.parametrize("norm", [nn.InstanceNorm2d(6, affine=True), nn.BatchNorm2d(6), nn.GroupNorm(3, 6)])
def test_norms_take_their_statistics_of_the_whole_picture(norm):
    torch.manual_seed(1)
    nn.init.normal_(norm.weight)
    network = nn.Sequential(nn.Conv2d(3, 6, 1), norm, nn.ReLU(), nn.Conv2d(6, 2, 1)).requires_grad_(False)
    picture = Picture(100, 68)
    whole = network(picture.image[None])[0]
    torch.testing.assert_close(tiled(picture, network, [network]), whole, atol=1e-5, rtol=1e-4)
    assert (tiled(picture, network) - whole).abs().max() > 0.05  # by each tile's own there are seams
    torch.testing.assert_close(network(picture.image[None])[0], whole)  # and afterwards all is as before


def test_statistics_of_a_picture_beyond_the_sample_are_of_tiles_all_over_it(monkeypatch):
    monkeypatch.setattr(bands, "SAMPLED_PIXELS", 4 * 32 * 32)
    picture = Picture(120, 120)
    tiles = bands.sampled_tiles(picture, tiling=Tiling(side=32, overlap=8), stride=STRIDE)
    assert tiles.shape == (4, 3, 32, 32)
    corners = [picture.image[:, y : y + 32, x : x + 32] for y in (0, 88) for x in (0, 88)]
    torch.testing.assert_close(tiles, torch.stack(corners))


def test_a_norm_at_rest_is_left_alone():
    norm = nn.BatchNorm2d(3).eval()
    with common_statistics([norm], lambda: pytest.fail("nothing to listen to")):
        image = torch.rand(1, 3, 4, 4)
        torch.testing.assert_close(norm(image), image, atol=1e-4, rtol=1e-4)


def test_uncertainty_is_the_spread_of_passes():
    image = torch.rand(1, 3, 8, 8)
    even = spreading(lambda image: image * 2, how="flips", num=4)(image)
    torch.testing.assert_close(even[:, :3], image * 2)
    assert even[:, 3].abs().max() < 1e-6
    ramp = torch.linspace(-1, 1, 8)  # added after the flip: 2 passes see it from left and from right
    odd = spreading(lambda image: image + ramp, how="flips", num=2)(image)
    torch.testing.assert_close(odd[:, :3], image)
    torch.testing.assert_close(odd[0, 3], (ramp.abs() * 2**0.5).expand(8, 8))
    drawn = iter((0.0, 1.0, 2.0))
    three = spreading(lambda image: image + next(drawn), how="seeds", num=3)(image)
    torch.testing.assert_close(three[:, :3], image + 1)
    torch.testing.assert_close(three[:, 3], torch.ones(1, 8, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 16}, "tile = 16: use 32 pixels or more"),
        ({"tile": 64, "overlap": 40}, "overlap = 40: use 0 to 32"),
        ({"uncertainty": "flips", "num": 3}, "num = 3: of uncertainty = 'flips' is 2"),
        ({"uncertainty": "seeds"}, "num = 1: is the number of passes"),
    ],
)
def test_what_does_not_fit_together_is_named(options, message):
    with pytest.raises(ConfigError) as caught:
        parse_manner(**{"tile": None, "overlap": 0, "uncertainty": "none", "num": 1} | options)
    assert message in str(caught.value).replace("\n", " ")
