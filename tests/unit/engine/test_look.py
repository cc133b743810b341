"""What is measured on the way is right, and changes nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.shrink import shrink
from trainer.config.adversarial import AdversarialConfig, Objective
from trainer.data.batch import Batch
from trainer.engine.flops import FlopCount, listed_peak
from trainer.engine.outputs import OutputStatistics, made_images
from trainer.loop.setup import open_trainer
from trainer.losses.verdicts import verdicts
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.monitoring import Metrics
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import load_preset
from trainer.ranks.world import init_world
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

PRESET = "unpaired-cyclegan"


def _train(folder: Path, dataset: Path, *, measures: bool, zero_stage: int = 0, accumulation: int = 1) -> list[Metrics]:
    """14 steps of two critic steps to one of the generators, with a line after each."""
    small = shrink(load_preset(PRESET), dataset=dataset)
    assert isinstance(small.method, CycleGANConfig)
    adversarial = replace(small.method.adversarial, num_discriminator_steps=2)
    run = RunDir(folder)
    run.create(
        replace(
            small,
            method=replace(small.method, adversarial=adversarial),
            log=replace(small.log, measures=measures),
            engine=replace(
                small.engine, zero_stage=zero_stage, gradient_accumulation_steps=accumulation, precision="fp32"
            ),
        ),
        preset=PRESET,
        command=[],
    )
    trainer = open_trainer(open_run(run), world=init_world("cpu"), to_console=False)
    try:
        for _ in range(14):
            trainer.step()
    finally:
        trainer.close()
    return [line for line in read_metrics(run.metrics_file) if "lr" in line]  # alarms have lines of their own


def _losses(lines: list[Metrics]) -> list[dict[str, float]]:
    return [{key: value for key, value in line.items() if key.startswith("loss/")} for line in lines]


def test_losses_are_the_same_to_the_last_bit_whether_steps_are_looked_at(tiny_dataset: Path, tmp_path: Path) -> None:
    without = _train(tmp_path / "without", tiny_dataset, measures=False)
    lines = _train(tmp_path / "with", tiny_dataset, measures=True)
    assert _losses(lines) == _losses(without)
    assert not any(key.startswith(("game/", "gradient/")) for line in without for key in line)
    critics, all_step = lines[-2], lines[-1]
    assert "gradient/generators/norm" not in critics  # they wait for the critics' second step
    wanted = {
        *(f"game/discriminators/{key}" for key in ("score_real", "score_fake", "accuracy_real", "accuracy_fake")),
        "lr/generators",
        "lr/discriminators",
        "gradient/generators/norm",
        "gradient/discriminators/norm",
        "gradient/ratio",
        "update/generators/ratio",
        "update/discriminators/ratio",
        "average/generator_a2b/distance",
        "output/fake_b/distance",
        "output/fake_a/real_to_given",
        "memory/process_gib",
        "time/processor_s",
        "disk/free_gib",
        "compute/gflops_per_image",
        "compute/utilisation",
    }
    assert wanted <= all_step.keys()
    assert sum(value for key, value in all_step.items() if key.startswith("share/")) == pytest.approx(1)
    assert 0 < all_step["update/generators/ratio"] < 0.1
    assert 0 < all_step["game/discriminators/accuracy_real"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("zero_stage", "accumulation"), [(1, 1), pytest.param(3, 1, marks=pytest.mark.soak), (0, 2)])
def test_all_ways_to_step_show_the_same(zero_stage: int, accumulation: int, tiny_dataset: Path, tmp_path: Path) -> None:
    first = _train(tmp_path / "plain", tiny_dataset, measures=True, accumulation=accumulation)[1]
    other = _train(tmp_path / "other", tiny_dataset, measures=True, zero_stage=zero_stage, accumulation=accumulation)[1]
    for key in ("gradient/generators/norm", "gradient/discriminators/norm", "update/generators/ratio"):
        assert other[key] == pytest.approx(first[key], rel=0.02), key


@pytest.mark.parametrize(
    ("objective", "score_real", "score_fake", "accuracy_fake"),
    [
        ("non-saturating", (0.880797 + 0.268941) / 2, 0.5, 0),
        ("least-squares", 0.5, 0, 1),
        ("hinge", 0.5, 0, 0),
        ("wasserstein", 0.5, 0, None),
    ],
)
def test_a_verdict_is_read_as_the_objective_means_it(
    objective: Objective, score_real: float, score_fake: float, accuracy_fake: float | None
) -> None:
    """On the very middle a logit is on no side; a critic has no middle."""
    real, fake = torch.tensor([[2.0], [-1.0]]), torch.zeros(2, 1)
    found = verdicts(AdversarialConfig(objective=objective), real=real, fake=fake)
    accuracies = {} if accuracy_fake is None else {"accuracy_real": 0.5, "accuracy_fake": accuracy_fake}
    expected = {"score_real": score_real, "score_fake": score_fake, **accuracies}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected)


def _seen(fake: Tensor, real: Tensor, given: Tensor, *, is_paired: bool) -> dict[str, float]:
    batch = Batch(a=given, b=real, index=torch.arange(len(real)))
    (made,) = made_images({"fake_b": fake, "code": torch.zeros(2, 3)}, batch, is_paired=is_paired)
    return {key.removeprefix("output/fake_b/"): float(value) for key, value in OutputStatistics()(made).items()}


def test_outputs_are_measured_beside_the_data() -> None:
    real = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    real = nn.functional.avg_pool2d(real, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    negative = _seen(-real, real, real.flip(0), is_paired=True)
    assert negative["like_real"] == pytest.approx(-1, abs=1e-3)
    assert negative["distance"] == pytest.approx(negative["real_distance"])
    one = real[:1].expand(4, -1, -1, -1)
    collapsed = _seen(one, real, real, is_paired=False)
    assert collapsed["distance"] == pytest.approx(0, abs=1e-6)
    assert "like_real" not in collapsed
    first, second = real[:1], real[1:2]
    pair = (first - second).unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(-1, -2)).abs().mean()
    assert _seen(real[:2], real[:2], real[2:], is_paired=False)["distance"] == pytest.approx(float(pair), rel=1e-4)
    dead = _seen(torch.ones_like(real), real, real, is_paired=True)
    assert (dead["saturated"], dead["spread"], dead["like_real"]) == (1, 0, 0)


def test_batches_of_one_are_compared_with_those_before() -> None:
    look, seen = OutputStatistics(), {}
    images = torch.linspace(-1, 1, 3).view(3, 1, 1, 1).expand(3, 1, 16, 16)
    for image in images.split(1):
        (made,) = made_images({"fake_b": image}, Batch(a=image, b=image, index=torch.arange(1)), is_paired=False)
        seen = look(made)
    assert float(seen["output/fake_b/distance"]) == pytest.approx((1 + 1 + 2) / 3)


def test_arithmetic_is_counted_forward_and_backward() -> None:
    count, layer = FlopCount(), nn.Conv2d(3, 8, 3, padding=1, bias=False)
    with count.step(num_images=2):
        layer(torch.zeros(2, 3, 16, 16)).sum().backward()
    forward = 2 * 3 * 8 * 9 * 16 * 16
    assert count.per_image == 2 * forward  # the input needs no gradient


def test_the_peak_of_a_gpu_is_that_of_its_name() -> None:
    bf16 = torch.bfloat16
    assert listed_peak("NVIDIA H100 80GB HBM3", bf16, tf32=True) == 989.4e12
    assert listed_peak("NVIDIA H100 PCIe", bf16, tf32=True) == 756e12
    assert listed_peak("NVIDIA A100-SXM4-80GB", torch.float32, tf32=False) == 19.5e12
    assert listed_peak("Tesla T4", bf16, tf32=True) is None
    assert listed_peak("NVIDIA A1000", bf16, tf32=True) is None
