"""The distance of stages by hand, and by the real network."""

import pytest
import torch
from torch import Tensor

from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder
from trainer.evaluation.metrics.stage_distance import stage_distance

CPU = torch.device("cpu")


class Halves:
    """Two stages: colours as they are, and one feature alone, in which all images agree once its length is one."""

    side = 2

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        return [levels, levels.sum(dim=1, keepdim=True)], levels.mean(dim=(2, 3))


def color(*levels: int) -> Tensor:
    return torch.tensor(levels).float().view(1, 3, 1, 1).expand(1, 3, 2, 2) / 127.5 - 1


def test_places_are_compared_by_direction_and_stages_averaged() -> None:
    encoder = Encoder("mobilenet_v2", Halves, device=CPU)
    red, dark_red, green = color(200, 0, 0), color(100, 0, 0), color(0, 200, 0)
    reds = torch.cat([red, red, red])
    others = torch.cat([red, dark_red, green])
    # Unit vectors at right angles: |x - y|^2 = 2 in the first stage, 0 in the second.
    assert stage_distance(reds, others, encoder=encoder).tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    half = torch.cat([red[:, :, :1], green[:, :, :1]], dim=2)
    assert stage_distance(red, half, encoder=encoder).item() == pytest.approx(0.5, abs=1e-6)


def test_a_blurred_image_is_nearer_than_another_one() -> None:
    encoder = open_encoder("efficientnet-lite0", device=CPU)
    assert encoder is not None
    noise = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    one, other = torch.nn.functional.avg_pool2d(noise, 9, stride=1, padding=4).clamp(-1, 1).chunk(2)
    faint = (one + noise[:1] * 0.05).clamp(-1, 1)
    same, near, far = (stage_distance(image, one, encoder=encoder).item() for image in (one, faint, other))
    assert same == 0
    assert 0 < near < far < 4
