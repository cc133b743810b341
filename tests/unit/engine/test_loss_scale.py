"""The scale of float16 losses: when it falls, when it grows, and that a step that overflows changes no weight."""

import pytest
import torch

from trainer.engine.loss_scale import LossScale, LossScaleError, UnshardedScaler


def test_an_overflow_halves_the_scale_and_is_counted():
    scale = LossScale(value=8.0, window=3)
    scale.update(overflowed=True)
    scale.update(overflowed=False)
    scale.update(overflowed=True)
    assert (scale.value, scale.skipped) == (2.0, 2)


def test_the_scale_doubles_after_a_window_without_an_overflow():
    scale = LossScale(value=8.0, window=3)
    told = []
    for overflowed in (False, False, True, False, False, False, False, False, False):
        scale.update(overflowed=overflowed)
        told.append(scale.value)
    assert told == [8.0, 8.0, 4.0, 4.0, 4.0, 8.0, 8.0, 8.0, 16.0]


def test_a_scale_never_falls_below_one():
    scale = LossScale(value=1.5, window=3)
    scale.update(overflowed=True)
    assert scale.value == 1.0
    with pytest.raises(LossScaleError, match="no numbers"):
        scale.update(overflowed=True)


def test_the_scale_is_that_of_torch():
    """`torch.amp.GradScaler` by the same rule, on the same losses, one of which is infinite."""
    ours, window = LossScale(value=2.0**10, window=2), 2
    theirs = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=window)
    scaler = UnshardedScaler(scale_of_player=ours)
    weights = [torch.nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(2)]
    optimizers = [torch.optim.Adam([weight], lr=0.1) for weight in weights]
    for factor in (1.0, 3.0, torch.inf, 1.0, 2.0, 2.0, 5.0):
        for weight, optimizer, scaling in zip(weights, optimizers, (scaler, theirs), strict=True):
            optimizer.zero_grad()
            scaling.scale((factor * weight.square()).sum()).backward()
            scaling.step(optimizer)
            scaling.update()
        assert torch.equal(weights[0], weights[1])
        assert ours.value == theirs.get_scale()
    assert ours.skipped == 1


def test_a_state_survives_a_checkpoint():
    before = LossScale(value=4.0, window=3, good_steps=2, skipped=7)
    after = LossScale(value=65536.0, window=3)
    after.load_state_dict(before.state_dict())
    assert after == before
