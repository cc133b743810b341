"""The fused Adam steps as Adam does, however weights, gradients and averages lie in memory."""

import copy
import sys

import pytest
import torch
from torch import nn

from trainer.engine.deepspeed_config import quieten_deepspeed
from trainer.engine.fused_adam import FusedAdam

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
SHAPES = ((6, 5, 4, 4), (3, 7, 1, 1), (5, 1, 3, 3), (4, 9), (8,))
ADAM = {"lr": 0.01, "betas": (0.5, 0.999), "weight_decay": 0.1}


def in_layout(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    return tensor.contiguous(memory_format=LAYOUTS[layout]) if tensor.ndim == 4 else tensor


def weights_in(layout: str) -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(in_layout(torch.randn(shape), layout)) for shape in SHAPES]


def take_steps(optimizer: torch.optim.Optimizer, weights: list[nn.Parameter], *, layout: str, first: int = 0) -> None:
    for step in range(first, first + 3):
        for place, weight in enumerate(weights):
            noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(100 * step + place))
            weight.grad = in_layout(noise, layout).to(weight.dtype)
        optimizer.step()


def plain_steps(num: int, *, decouples_decay: bool) -> list[torch.Tensor]:
    """In float64, by torch's loop over contiguous tensors."""
    weights = [nn.Parameter(weight.detach().double()) for weight in weights_in("contiguous")]
    kind = torch.optim.AdamW if decouples_decay else torch.optim.Adam
    adam = kind(weights, **ADAM, foreach=False, fused=False)
    for first in range(0, num, 3):
        take_steps(adam, weights, layout="contiguous", first=first)
    return [weight.detach() for weight in weights]


def assert_equal(weights: list[nn.Parameter], expected: list[torch.Tensor]) -> None:
    for weight, wanted in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.detach().double(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decouples_decay", [False, True])
@pytest.mark.parametrize("gradients", LAYOUTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_steps_are_those_of_the_loop_in_float64(layout: str, gradients: str, decouples_decay: bool):
    weights = weights_in(layout)
    strides = [weight.stride() for weight in weights]
    take_steps(FusedAdam(weights, **ADAM, decouples_decay=decouples_decay), weights, layout=gradients)
    assert_equal(weights, plain_steps(3, decouples_decay=decouples_decay))
    assert [weight.stride() for weight in weights] == strides


@pytest.mark.parametrize("before, after", [("channels_last", "contiguous"), ("contiguous", "channels_last")])
def test_averages_go_on_from_a_state_that_was_saved_in_another_layout(before: str, after: str):
    weights = weights_in(before)
    adam = FusedAdam(weights, **ADAM, decouples_decay=False)
    take_steps(adam, weights, layout=before)
    others = [nn.Parameter(in_layout(weight.detach(), after)) for weight in weights]
    resumed = FusedAdam(others, **ADAM, decouples_decay=False)
    resumed.load_state_dict(copy.deepcopy(adam.state_dict()))
    take_steps(resumed, others, layout=after, first=3)
    assert_equal(others, plain_steps(6, decouples_decay=False))


def test_channels_last_weights_are_stepped_without_copies():
    weights = weights_in("channels_last")
    adam = FusedAdam(weights, **ADAM, decouples_decay=False)
    take_steps(adam, weights, layout="channels_last")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        adam.step()
    names = {event.key for event in profile.key_averages()}
    assert "aten::_fused_adam_" in names
    assert "aten::clone" not in names  # what `contiguous` does where it has to


def test_a_weight_with_gaps_is_refused():
    weight = nn.Parameter(torch.randn(4, 6)[:, ::2])
    weight.grad = torch.randn(4, 3)
    with pytest.raises(RuntimeError, match=r"\(4, 3\) has strides \(6, 2\)"):
        FusedAdam([weight], **ADAM, decouples_decay=False).step()


def test_deepspeed_calls_it_no_untested_optimizer() -> None:
    quieten_deepspeed()
    assert FusedAdam in sys.modules["deepspeed.runtime.zero.utils"].ZERO_SUPPORTED_OPTIMIZERS
