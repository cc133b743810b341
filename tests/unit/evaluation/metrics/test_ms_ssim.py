"""MS-SSIM by hand where images are flat, and beside torchmetrics."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from tests.tiny_run import subject_of, tiny_config
from tests.unit.evaluation.metrics.test_ssim import C1, grey, photo_like
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.metrics.ms_ssim import ms_ssim
from trainer.evaluation.scores import met_needs
from trainer.ranks.world import lone_world


def test_flat_images_differ_in_luminance_at_the_last_scale_alone() -> None:
    luminance = (2 * 100 * 150 + C1) / (100**2 + 150**2 + C1)
    assert ms_ssim(grey(100, side=176), grey(150, side=176)).item() == pytest.approx(luminance**0.1333, abs=1e-4)


def of_torchmetrics(fakes: Tensor, reals: Tensor) -> Tensor:
    """Its factors at each scale; at the last without the windows that it lays over mirrored borders."""
    wanted: dict[str, Any] = {"data_range": 255.0, "reduction": "none"}
    fakes, reals = fakes.double(), reals.double()  # in float32 it is 0.0005 off
    found = torch.ones(len(fakes), dtype=torch.float64)
    for exponent in (0.0448, 0.2856, 0.3001, 0.2363):
        _, structure = structural_similarity_index_measure(fakes, reals, return_contrast_sensitivity=True, **wanted)
        found *= structure**exponent
        fakes, reals = F.avg_pool2d(fakes, 2), F.avg_pool2d(reals, 2)
    _, whole = structural_similarity_index_measure(fakes, reals, return_full_image=True, **wanted)
    return found * whole[:, :, 5:-5, 5:-5].mean(dim=(1, 2, 3)) ** 0.1333


@pytest.mark.parametrize("sides", [(176, 176), (181, 203)])
def test_it_is_that_of_torchmetrics_over_windows_inside(sides: tuple[int, int]) -> None:
    fake, real = (torch.from_numpy(image).float()[None] for image in photo_like(sides=sides))
    images = torch.cat([fake, real.flip(3)]), torch.cat([real, real])
    found = ms_ssim(*(image / 127.5 - 1 for image in images))
    assert 0 < found[1] < found[0] < 1
    assert found.tolist() == pytest.approx(of_torchmetrics(*images).tolist(), abs=1e-4)


def test_a_negative_has_none() -> None:
    image = torch.rand(1, 1, 176, 176, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert ms_ssim(-image, image).item() == 0


def test_images_without_a_fifth_scale_have_none_and_are_told(map_dataset: Path) -> None:
    with pytest.raises(ValueError, match=r"175 x 200 pixels.*at least 176"):
        ms_ssim(torch.zeros(1, 3, 175, 200), torch.zeros(1, 3, 175, 200))
    small = subject_of(tiny_config(map_dataset))
    assert "large" in met_needs(replace(small, data=replace(small.data, load_size=176, crop_size=176)))
    evaluator = SplitEvaluator(small, seed=0, split="test", world=lone_world(torch.device("cpu")))
    note = "MS-SSIM is left out: it needs images of 176 pixels a side: data.crop_size = 32."
    assert evaluator.notes == {"ms_ssim": note}
