"""Gradient penalties of discriminators whose gradient is known."""

import pytest
import torch
from torch import Tensor, nn

from trainer.config.adversarial import AdversarialConfig
from trainer.losses.penalties import gradient_penalty, r1_penalty, regularisation

REAL = torch.tensor([[1.0, 2.0], [0.0, -1.0]]).reshape(2, 2, 1, 1)
FAKE = torch.tensor([[3.0, 0.0], [1.0, 1.0]]).reshape(2, 2, 1, 1)
EPSILON = torch.tensor([[0.5], [0.25]])


def plane(image: Tensor) -> Tensor:
    """f(x) = 3 x_0 + 4 x_1: its gradient has norm 5 everywhere."""
    return 3 * image[:, :1] + 4 * image[:, 1:]


def half_square(image: Tensor) -> Tensor:
    """f(x) = |x|^2 / 2: its gradient is x."""
    return 0.5 * image.square().sum(dim=1, keepdim=True)


def test_gradient_penalty_of_a_plane():
    assert gradient_penalty(plane, real=REAL, fake=FAKE, epsilon=EPSILON).item() == pytest.approx((5 - 1) ** 2)


def test_gradient_penalty_is_taken_between_real_and_fake():
    # x = (2, 1) with norm sqrt 5, and 0.25 (0, -1) + 0.75 (1, 1) = (0.75, 0.5) with norm sqrt 0.8125.
    expected = ((5**0.5 - 1) ** 2 + (0.8125**0.5 - 1) ** 2) / 2
    assert gradient_penalty(half_square, real=REAL, fake=FAKE, epsilon=EPSILON).item() == pytest.approx(expected)


def test_r1_is_half_the_squared_gradient_on_real_images():
    assert r1_penalty(plane, REAL).item() == pytest.approx(25 / 2)
    assert r1_penalty(half_square, REAL).item() == pytest.approx((5 + 1) / 2 / 2)  # |(1, 2)|^2 and |(0, -1)|^2


def test_the_value_of_a_sample_is_the_mean_of_its_patches():
    """Two patches that show the same do not count twice."""

    def patches(image: Tensor) -> Tensor:
        return torch.cat([plane(image), plane(image)], dim=-1)

    assert r1_penalty(patches, REAL).item() == pytest.approx(25 / 2)


def test_a_pair_has_one_gradient():
    """f(x, z) = 3 x_0 + 4 x_1 + 12 z: of norm 13."""

    def joint(image: Tensor, code: Tensor) -> Tensor:
        return plane(image).flatten(1) + 12 * code

    code = torch.zeros(2, 1)
    assert r1_penalty(joint, (REAL, code)).item() == pytest.approx(169 / 2)
    penalty = gradient_penalty(joint, real=(REAL, code), fake=(FAKE, code), epsilon=EPSILON)
    assert penalty.item() == pytest.approx(12**2)


def test_each_of_several_discriminators_has_a_gradient_of_its_own():
    """Of their sum, f(x) + |x|^2 / 2, the gradient would be another."""

    def both(image: Tensor) -> tuple[Tensor, Tensor]:
        return plane(image), half_square(image)

    assert r1_penalty(both, REAL).item() == pytest.approx(25 / 2 + (5 + 1) / 2 / 2)
    apart = ((5**0.5 - 1) ** 2 + (0.8125**0.5 - 1) ** 2) / 2
    penalty = gradient_penalty(both, real=REAL, fake=FAKE, epsilon=EPSILON)
    assert penalty.item() == pytest.approx((5 - 1) ** 2 + apart)


def test_penalties_reach_the_weights_and_not_the_images():
    network = nn.Conv2d(2, 1, 1, bias=False)
    nn.init.constant_(network.weight, 2.0)
    fake = FAKE.clone().requires_grad_()
    r1_penalty(network, REAL).backward()
    gradient_penalty(network, real=REAL, fake=fake, epsilon=EPSILON).backward()
    # w = (2, 2): R1 = |w|^2 / 2 has gradient w; (|w| - 1)^2 has gradient 2 (|w| - 1) w / |w|.
    norm = 8**0.5
    assert network.weight.grad is not None
    assert network.weight.grad.flatten().tolist() == pytest.approx([2 + 2 * (norm - 1) * 2 / norm] * 2)
    assert fake.grad is None


def test_a_critic_that_says_nothing_yet_has_finite_gradients():
    network = nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Conv2d(3, 1, 1))
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    penalty = gradient_penalty(network, real=REAL, fake=FAKE, epsilon=EPSILON)
    penalty.backward()
    assert penalty.item() == 1
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_only_what_is_switched_on_is_computed():
    def terms(config: AdversarialConfig) -> dict[str, float]:
        losses = regularisation(config, plane, real=REAL, fake=FAKE, epsilon=EPSILON)
        return {name: loss.item() for name, loss in losses.items()}

    assert terms(AdversarialConfig()) == {}
    assert terms(AdversarialConfig(weight_gradient_penalty=10)) == pytest.approx({"gradient_penalty": 160})
    assert terms(AdversarialConfig(weight_r1=2)) == pytest.approx({"r1": 25})
