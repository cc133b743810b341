"""Arithmetic is counted whatever a step does, and while it goes on."""

import torch

from trainer.engine.flops import FlopCount


def test_a_gradient_penalty_is_counted_as_any_other_loss() -> None:
    # No nn.Linear: ZeRO 3, once used in a process, has put a function of its own in place of torch's.
    critic, count = torch.rand(8, 1, requires_grad=True), FlopCount()
    images = torch.rand(4, 8, requires_grad=True)
    with count.step(4):
        (gradient,) = torch.autograd.grad((images @ critic).sum(), images, create_graph=True)
        assert count.so_far == 2 * (2 * 4 * 8)  # forward, and back to the images
        gradient.norm(dim=1).mean().backward()
    assert count.total >= count.so_far > 2 * (2 * 4 * 8)
    assert count.per_image == count.total / 4
