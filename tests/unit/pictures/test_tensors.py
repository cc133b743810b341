"""Between tensors in [-1, 1] and 8-bit pictures."""

import numpy as np
import pytest
import torch
from PIL import Image

from trainer.pictures.tensors import from_picture, to_levels, to_picture, to_uint8


def test_the_ends_and_the_middle():
    # (x + 1) 127.5: -1 -> 0, 0 -> 127.5, which rounds to even, 1 -> 255; beyond the range is cut.
    assert to_uint8(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])).tolist() == [0, 0, 128, 255, 255]


def test_scores_compare_what_a_file_would_have():
    images = torch.cat([torch.linspace(-1.5, 1.5, 10_000), torch.tensor([torch.nan, torch.inf, -torch.inf])])
    assert torch.equal(to_levels(images, eight_bits=True), to_uint8(images).float())


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_level_survives_a_round_trip(mode):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = Image.fromarray(levels if mode == "L" else np.stack([levels, levels[::-1], levels.T], axis=-1))
    again = to_picture(from_picture(picture))
    assert again.mode == mode
    assert np.array_equal(np.asarray(again), np.asarray(picture))
