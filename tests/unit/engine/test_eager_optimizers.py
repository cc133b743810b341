"""Optimizers without torch's compiler do what torch's do, to the bit."""

from typing import get_args

import pytest
import torch
from torch import nn

from trainer.config.optimizer import Algorithm, OptimizerConfig
from trainer.engine.optimizers import make_optimizer


def _steps(weight: nn.Parameter, optimizer: torch.optim.Optimizer, *, number: int) -> None:
    for _ in range(number):
        weight.square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_steps_and_checkpoints_are_those_of_torch(algorithm: Algorithm) -> None:
    config = OptimizerConfig(algorithm=algorithm, lr=0.1, weight_decay=0.01)
    found, heard = [], []
    for first, second in ((True, True), (False, True), (True, False), (False, False)):  # is_eager, before and after
        weight = nn.Parameter(torch.arange(6.0).reshape(2, 3))
        optimizer = make_optimizer([weight], config, is_eager=first)
        _steps(weight, optimizer, number=2)
        other = make_optimizer([weight], config, is_eager=second)
        other.load_state_dict(optimizer.state_dict())
        other.register_step_post_hook(lambda *_: heard.append(1))
        _steps(weight, other, number=2)
        found.append(weight.detach().clone())
    assert all(torch.equal(weight, found[0]) for weight in found)
    assert not torch.equal(found[0], torch.arange(6.0).reshape(2, 3))
    assert len(heard) == 8
