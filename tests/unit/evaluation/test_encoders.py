"""Encoders: the network that is ours to write has the outputs of its weights, and equal pictures are encoded once."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from trainer.config.encoders import ENCODERS, FILES, EncoderName
from trainer.evaluation.encoders.efficientnet_lite import load_efficientnet_lite0
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder

CPU = torch.device("cpu")
LIKELIEST = {722: 9.086, 417: 7.5513, 522: 6.5426}  # ping-pong ball, balloon, croquet ball: ImageNet's classes


def a_ball(side: int) -> Tensor:
    """Shaded orange, on white: (1, 3, side, side) grey levels."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    radius = (x.square() + y.square()).sqrt()
    shade = (1 - 0.55 * ((x + 0.3).square() + (y + 0.3).square()).sqrt()).clamp(0.2, 1)
    ball = torch.stack([255 * shade, 150 * shade, 20 * shade])
    return torch.where(radius < 0.75, ball, 245.0)[None].round()


@torch.no_grad()
def test_efficientnet_lite0_knows_a_ball():
    """Its logits are pinned: padding, epsilon or normalisation other than those of its training move them.

    With these it calls 18 of 40 photos of apples Granny Smiths and 27 of 40 of oranges oranges; half as many of these
    with torchvision's normalisation.
    """
    logits = load_efficientnet_lite0()(a_ball(224))[0]
    best = logits.topk(3)
    assert best.indices.tolist() == [*LIKELIEST]
    assert best.values.tolist() == pytest.approx([*LIKELIEST.values()], abs=2e-3)


class Counting:
    """Counts what it is given."""

    side = 8

    def __init__(self) -> None:
        self.seen: Counter[float] = Counter()

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        self.seen.update(levels.amax(dim=(1, 2, 3)).tolist())
        return [levels], levels.mean(dim=(2, 3))


def test_each_picture_is_encoded_once():
    backbone = Counting()
    encoder = Encoder("mobilenet_v2", lambda: backbone, device=CPU)
    images = torch.arange(-1, 1, 0.05)[:, None, None, None].expand(-1, 1, 8, 8)
    first = encoder.pooled(images)
    assert torch.equal(encoder.pooled(torch.cat([images.flip(0), images])), torch.cat([first.flip(0), first]))
    assert set(backbone.seen.values()) == {1}
    assert torch.equal(first[:, 0], ((images[:, 0, 0, 0] + 1) * 127.5).round())


def test_pictures_are_rounded_and_then_resized_with_antialiasing():
    backbone = Counting()
    encoder = Encoder("mobilenet_v2", lambda: backbone, device=CPU)
    rounded = torch.randint(1, 255, (1, 3, 64, 64), generator=torch.Generator().manual_seed(0)).float()
    image = rounded / 127.5 - 1
    [levels] = encoder.stages(image)
    assert levels.std() < rounded.std() / 3  # of 8 x 8 pixels each one
    assert levels.mean() == pytest.approx(rounded.mean().item(), abs=0.5)
    [again] = encoder.stages(image + 0.4 / 127.5)
    assert torch.equal(again, levels)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name not in FILES])
def test_encoders_give_features_of_grey_and_colour(name: EncoderName):
    encoder = open_encoder(name, device=CPU)
    grey = torch.rand(1, 1, 32, 40) * 2 - 1
    pooled = encoder.pooled(torch.cat([grey.expand(-1, 3, -1, -1), torch.zeros(1, 3, 32, 40)]))
    assert pooled.shape == (2, 1280)
    assert torch.allclose(encoder.pooled(grey), pooled[:1], atol=1e-4)
    assert [found.shape[-1] for found in encoder.stages(grey)] == [112, 56, 28, 14, 7]
