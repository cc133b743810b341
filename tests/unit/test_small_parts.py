"""The learning rate, the moving average, seeds, and the loop's events."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from trainer.config.optimizer import OptimizerConfig
from trainer.data.randomness import derive_seed, seed_torch
from trainer.engine.average import MovingAverage
from trainer.loop.events import Event
from trainer.loop.meter import Meter
from trainer.loop.schedule import learning_rate
from trainer.ranks.world import lone_world

WORLD = lone_world(torch.device("cpu"))


def test_linear_schedule_is_flat_then_falls_to_zero():
    config = OptimizerConfig(lr=2e-4, decay_start=0.5)
    rates = [learning_rate(config, position=position, total=1000) for position in (0, 500, 750, 1000, 1100)]
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 0, 0])


def test_constant_schedule():
    config = OptimizerConfig(lr=1e-3, schedule="constant")
    assert learning_rate(config, position=999, total=1000) == 1e-3


def test_cosine_schedule_falls_along_half_a_wave():
    config = OptimizerConfig(lr=1.0, schedule="cosine", decay_start=0.5)
    rates = [learning_rate(config, position=position, total=1000) for position in (0, 500, 750, 1000)]
    assert rates == pytest.approx([1, 1, 0.5, 0])


def test_step_schedule_falls_to_a_tenth_at_each_step():
    config = OptimizerConfig(lr=1.0, schedule="step", decay_start=0.25)
    rates = [learning_rate(config, position=position, total=1000) for position in (0, 249, 250, 500, 999)]
    assert rates == pytest.approx([1, 1, 0.1, 0.01, 0.001])


def test_the_factor_of_a_step_and_of_a_whole_fall():
    steps = OptimizerConfig(lr=1.0, schedule="step", decay_start=0.25, decay_factor=0.5)
    rates = [learning_rate(steps, position=position, total=1000) for position in (0, 250, 500, 999)]
    assert rates == pytest.approx([1, 0.5, 0.25, 0.125])
    fall = OptimizerConfig(lr=1.0, schedule="exponential", decay_start=0.5, decay_factor=0.01)
    rates = [learning_rate(fall, position=position, total=1000) for position in (0, 500, 750, 1000)]
    assert rates == pytest.approx([1, 1, 0.1, 0.01])


def test_warm_up_rises_to_the_rate_of_the_schedule():
    config = OptimizerConfig(lr=1.0, decay_start=0.0, warmup_kimg=0.1)
    rates = [learning_rate(config, position=position, total=1000) for position in (0, 49, 98, 99, 500)]
    assert rates == pytest.approx([0.01, 0.5 * 0.951, 0.99 * 0.902, 0.901, 0.5])


def follow(half_life_kimg: float) -> tuple[nn.Linear, MovingAverage]:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = MovingAverage({"net": network}, half_life_kimg=half_life_kimg)
    nn.init.ones_(network.weight)
    return network, average


def averaged(average: MovingAverage) -> float:
    return average.networks["net"].weight.item()  # type: ignore[union-attr]


def test_after_its_half_life_the_average_is_half_way():
    network, average = follow(half_life_kimg=0.1)
    average.update({"net": network}, position=10_000, num_images=100)
    assert averaged(average) == pytest.approx(0.5)
    average.update({"net": network}, position=10_100, num_images=100)
    assert averaged(average) == pytest.approx(0.75)


def test_early_on_the_half_life_is_a_twentieth_of_the_images_seen():
    network, average = follow(half_life_kimg=10)
    average.update({"net": network}, position=200, num_images=10)
    assert averaged(average) == pytest.approx(0.5)


def test_half_life_zero_is_the_network_itself():
    network, average = follow(half_life_kimg=0)
    average.update({"net": network}, position=4, num_images=4)
    assert averaged(average) == 1


def test_running_statistics_are_averaged_with_the_weights_that_made_them():
    """A network whose weight falls from 3 to 1 is used in between, at 2: so is the mean of what it makes."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1, momentum=1.0))
    image = torch.randn(4, 1, 8, 8) + 5
    nn.init.constant_(network[0].weight, 3.0)  # type: ignore[arg-type]
    network(image)
    average = MovingAverage({"net": network}, half_life_kimg=0.1)
    nn.init.constant_(network[0].weight, 1.0)  # type: ignore[arg-type]
    network(image)
    average.update({"net": network}, position=10_000, num_images=100)
    norm = average.networks["net"][1]  # type: ignore[index]
    assert norm.running_mean.item() == pytest.approx(2 * image.mean().item(), rel=1e-5)
    assert norm.running_var.item() == pytest.approx((9 + 1) / 2 * image.var().item(), rel=1e-4)
    assert norm.num_batches_tracked.item() == 2


def test_vectors_of_spectral_norm_are_those_of_the_network():
    """Of two of length 1, the mean is shorter."""
    network = parametrizations.spectral_norm(nn.Linear(4, 4))
    average = MovingAverage({"net": network}, half_life_kimg=0.1)
    network(torch.randn(2, 4))
    average.update({"net": network}, position=10_000, num_images=100)
    for ours, theirs in zip(average.networks["net"].buffers(), network.buffers(), strict=True):
        assert torch.equal(ours, theirs)


def test_seeds_differ_in_every_part():
    seeds = {derive_seed(*parts) for parts in [(0, "step", 4, 0), (1, "step", 4, 0), (0, "x", 4, 0), (0, "step", 4, 1)]}
    assert len(seeds) == 4
    seed_torch(0, "step", 4, 0)
    first = torch.rand(3)
    seed_torch(0, "step", 4, 0)
    assert torch.equal(first, torch.rand(3))


@pytest.mark.parametrize(
    ("period", "before", "after", "due"),
    [(100, 96, 100, True), (100, 100, 104, False), (100, 96, 204, True), (0, 0, 1000, False), (100, 0, 4, False)],
)
def test_events_are_due_when_their_period_is_passed(period: int, before: int, after: int, due: bool):
    assert Event(period=period, action=lambda: None).is_due(before, after) is due


def test_meter_averages_and_starts_anew():
    meter = Meter()
    meter.add({"x": torch.tensor(1.0), "y": torch.tensor(10.0)})
    meter.add({"x": torch.tensor(2.0), "y": torch.tensor(20.0)})
    assert meter.peek(WORLD) == {"x": 1.5, "y": 15}
    assert meter.means(WORLD) == {"x": 1.5, "y": 15}
    assert meter.means(WORLD) == {}


def test_a_meter_goes_on_on_another_number_of_ranks():
    states = [
        {"sums": {"x": 4.0, "y": 1.0}, "counts": {"x": 2, "y": 1}},
        {"sums": {"x": 8.0, "y": 3.0}, "counts": {"x": 2, "y": 1}},
    ]
    meter = Meter()
    meter.load_state_dicts(states, device=torch.device("cpu"))
    meter.add({"x": torch.tensor(9.0), "y": torch.tensor(4.0)})
    assert meter.means(WORLD) == {"x": (3 * 2 + 9) / 3, "y": 3}


def test_meter_averages_a_player_that_does_not_step_each_time_over_its_own_steps():
    meter = Meter()
    meter.add({"critic": torch.tensor(1.0)})
    meter.add({"critic": torch.tensor(2.0), "generator": torch.tensor(8.0)})
    assert meter.means(WORLD) == {"critic": 1.5, "generator": 8}


def test_meter_continues_from_its_state():
    meter, continued = Meter(), Meter()
    meter.add({"x": torch.tensor(0.1)})
    continued.load_state_dicts([meter.state_dict()], device=torch.device("cpu"))
    for each in (meter, continued):
        each.add({"x": torch.tensor(0.7)})
    assert meter.means(WORLD) == continued.means(WORLD)
