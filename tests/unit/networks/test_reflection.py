"""Reflection padding against torch's, in the format of what it pads."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainer.networks.reflection import ReflectingConv, reflected


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_padding_is_torchs_and_autocast_leaves_the_format_as_it_is(layout: torch.memory_format):
    features = torch.randn(2, 3, 6, 5).bfloat16().contiguous(memory_format=layout)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        padded = reflected(features, 2)
    assert padded.dtype == torch.bfloat16
    assert padded.is_contiguous(memory_format=layout)
    torch.testing.assert_close(padded, F.pad(features, (2, 2, 2, 2), mode="reflect"), rtol=0, atol=0)


def test_the_convolution_is_torchs_with_the_same_weights():
    torch.manual_seed(0)
    own, torchs = ReflectingConv(3, 4, 7), nn.Conv2d(3, 4, 7, padding=3, padding_mode="reflect")
    torchs.load_state_dict(own.state_dict())
    image = torch.randn(1, 3, 9, 8)
    torch.testing.assert_close(own(image), torchs(image))
