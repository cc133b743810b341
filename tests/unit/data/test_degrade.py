"""Inputs made of targets: each degradation against another library's, aligned, and a function of the position."""

import io
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import gaussian_blur, pil_to_tensor

from sharding.errors import DatasetError
from tests.unit.data.loading import assert_equal, data_config, evaluate, open_loader, take
from tests.unit.data.tiny_shards import SIDE, VIEWS, encode, noise, noisy_pixels, write_dataset
from trainer.config.data import DataConfig, DegradeConfig
from trainer.config.errors import ConfigError
from trainer.config.section import check_section
from trainer.data.degrade import standard_normals
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.runs.config import RunConfig

KINDS = ("blur", "downscale", "noise", "jpeg")
WHOLE = {"crop_size": SIDE, "flip": False}


def options(kind, *, view="photo", **settings):
    return {"view_a": view, "view_b": view, "degrade": DegradeConfig(kind=kind, **settings)}


def grey_levels(images):
    """[N, C, H, W] in [-1, 1] -> [N, H, W, C] in 0..255."""
    return (images * 127.5 + 127.5).permute(0, 2, 3, 1).cpu().numpy()


def smooth(seed, *, channels=3):
    """Like a photograph, of a size where something is left at a quarter of it."""
    return np.asarray(
        Image.fromarray(noise(seed, side=6, channels=channels)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    )


@pytest.fixture(scope="module", params=["photo", "height"])
def smooth_set(request, tmp_path_factory):
    """A data set of eight smooth images of three channels or of one, the name of the view, and their pixels."""
    view = request.param
    pixels = [smooth(seed, channels=VIEWS[view].channels) for seed in range(8)]
    folder = tmp_path_factory.mktemp("smooth")
    samples = [(f"s{number}", {view: encode(image, "png")}) for number, image in enumerate(pixels)]
    write_dataset(folder, views={view: VIEWS[view]}, splits={"train": [samples], "test": [samples]})
    return folder, view, pixels


def degraded_images(smooth_set, kind, **settings):
    """(input, original) of each image, [H, W, C] in grey levels."""
    folder, view, pixels = smooth_set
    batches = list(evaluate(folder, **options(kind, view=view, **settings), **WHOLE))
    inputs = np.concatenate([grey_levels(batch.a) for batch in batches])
    targets = np.concatenate([grey_levels(batch.b) for batch in batches])
    np.testing.assert_allclose(targets, np.stack(pixels).reshape(targets.shape), atol=1e-4)
    return list(zip(inputs, pixels, strict=True))


def assert_as_far_as(image, reference, *, most, mean):
    difference = np.abs(image - reference.reshape(image.shape).astype(float))
    assert difference.max() <= most + 0.01
    assert difference.mean() <= mean


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_blur_is_that_of_torchvision(smooth_set, sigma):
    for image, original in degraded_images(smooth_set, "blur", blur_sigma=sigma):
        size = 2 * int(np.ceil(3 * sigma)) + 1
        blurred = gaussian_blur(pil_to_tensor(Image.fromarray(original)), [size, size], [sigma, sigma])
        assert_as_far_as(image, blurred.permute(1, 2, 0).numpy(), most=1, mean=0.5)
        assert image.var() < 0.9 * original.var()


@pytest.mark.parametrize("factor", [2, 4])
def test_downscaling_is_that_of_pillow(smooth_set, factor):
    for image, original in degraded_images(smooth_set, "downscale", factor=factor):
        small = Image.fromarray(original).resize((SIDE // factor, SIDE // factor), Image.Resampling.BICUBIC)
        large = small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        assert_as_far_as(image, np.asarray(large), most=1, mean=0.3)
        assert np.abs(image.reshape(original.shape) - original).mean() > 0.5


@pytest.mark.parametrize("quality", [10, 60])
def test_compression_is_that_of_pillow(smooth_set, quality):
    for image, original in degraded_images(smooth_set, "jpeg", jpeg_quality=quality):
        file = io.BytesIO()
        Image.fromarray(original).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        assert_as_far_as(image, np.asarray(Image.open(file)), most=1, mean=0.1)
        assert np.abs(image.reshape(original.shape) - original).mean() > 0.5


@pytest.mark.parametrize("sigma", [5.0, 25.0])
def test_noise_has_the_deviation_that_is_asked(tmp_path, sigma):
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    samples = [(f"s{number}", {"photo": encode(grey, "png")}) for number in range(12)]
    write_dataset(tmp_path, views={"photo": VIEWS["photo"]}, splits={"train": [samples]})
    (batch,) = take(1, tmp_path, batch_size=12, **options("noise", noise_sigma=sigma), **WHOLE)
    drawn = grey_levels(batch.a) - 128  # 20736 values: the deviation of the deviation is 0.5 %
    assert np.allclose(drawn, drawn.round(), atol=1e-3)  # 8 bits, as picture files have
    assert drawn.std() == pytest.approx(sigma, rel=0.025)
    assert abs(drawn.mean()) < 0.05 * sigma
    assert abs(np.corrcoef(drawn.reshape(12, -1)) - np.eye(12)).max() < 0.12  # 5 deviations


def test_noise_stays_in_range(noisy):
    (batch,) = take(1, noisy, batch_size=12, **options("noise", noise_sigma=100))
    assert batch.a.min() == -1
    assert batch.a.max() == 1
    white = batch.b == 1
    assert batch.a[white].mean() < 1


def test_normals_depend_on_the_seed_alone():
    shape = (4, 4, 3)
    together = standard_normals([np.array(seed) for seed in (5, 6, 7)], shape=shape)
    (alone,) = standard_normals([np.array(6)], shape=shape)
    np.testing.assert_array_equal(together[1], alone)
    assert not np.array_equal(together[0], together[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pairing", ["paired", "unpaired"])
def test_any_number_of_ranks_degrades_alike(noisy, kind, pairing):
    alone = take(3, noisy, pairing=pairing, **options(kind))
    shares = [
        take(3, noisy, pairing=pairing, batch_size=2, rank=rank, world_size=2, **options(kind)) for rank in range(2)
    ]
    for whole, *parts in zip(alone, *shares, strict=True):
        assert whole.keys == tuple(chain.from_iterable(part.keys for part in parts))
        assert torch.equal(whole.a, torch.cat([part.a for part in parts]))
        assert torch.equal(whole.b, torch.cat([part.b for part in parts]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_loader_degrades_as_if_never_stopped(noisy, kind):
    uninterrupted = take(4, noisy, **options(kind))
    for batch, other in zip(uninterrupted[1:], take(3, noisy, start_position=4, **options(kind)), strict=True):
        assert_equal(batch, other)


def test_noise_differs_between_epochs_and_seeds(noisy):
    first, again = take(2, noisy, shuffle=False, batch_size=15, **options("noise"), **WHOLE)
    (other,) = take(1, noisy, shuffle=False, batch_size=15, seed=12, **options("noise"), **WHOLE)
    assert first.keys == again.keys == other.keys
    assert not torch.equal(first.a, again.a)
    assert not torch.equal(first.a, other.a)


@pytest.mark.parametrize("kind", KINDS)
def test_an_evaluation_degrades_the_same_each_time(noisy, kind):
    batches = list(evaluate(noisy, **options(kind)))
    for batch, other in zip(batches, evaluate(noisy, **options(kind)), strict=True):
        assert_equal(batch, other)
    at_once = next(evaluate(noisy, batch_size=7, **options(kind)))
    assert torch.equal(at_once.a, torch.cat([batch.a for batch in batches]))


GENTLE = {
    "blur": {"blur_sigma": 0.3},
    "downscale": {"factor": 2},
    "noise": {"noise_sigma": 2.0},
    "jpeg": {"jpeg_quality": 98},
}


@pytest.mark.parametrize("kind", KINDS)
def test_input_and_target_stay_aligned(smooth_set, kind):
    """Under crops and flips, an input is nearer to its target than to the target mirrored or moved by a pixel."""
    folder, view, _ = smooth_set
    batches = take(6, folder, crop_size=20, **options(kind, view=view, **GENTLE[kind]))
    a, b = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("a", "b"))
    aligned = (a - b).abs().mean(dim=(1, 2, 3))
    for moved in (b.flip(3), b.roll(1, 2), b.roll(-1, 2), b.roll(1, 3), b.roll(-1, 3)):
        assert (aligned < 0.6 * (a - moved).abs().mean(dim=(1, 2, 3))).all()


def test_targets_are_what_they_would_be_undegraded(noisy):
    plain = take(3, noisy, view_b="photo", view_a="map")
    for kind in KINDS:
        for batch, other in zip(take(3, noisy, **options(kind)), plain, strict=True):
            assert batch.keys == other.keys
            assert torch.equal(batch.b, other.b)


def test_unpaired_inputs_are_of_other_images_than_the_targets(noisy):
    """Of the orders that unpaired views have."""
    batches = take(3, noisy, pairing="unpaired", batch_size=15, **options("noise", noise_sigma=1.0), **WHOLE)
    known = np.stack([noisy_pixels("train", ordinal, "photo") for ordinal in range(15)]).astype(float)

    def nearest(image):
        return int(np.abs(known - image).mean(axis=(1, 2, 3)).argmin())

    for batch in batches:
        inputs, targets = ([nearest(image) for image in grey_levels(images)] for images in (batch.a, batch.b))
        assert list(batch.keys) == [f"train-{ordinal}" for ordinal in inputs]
        assert sorted(inputs) == sorted(targets) == list(range(15))
        assert sum(one == other for one, other in zip(inputs, targets, strict=True)) < 6


def test_pairs_can_be_made_of_an_unpaired_set(unpaired):
    (batch,) = take(1, unpaired, batch_size=6, **options("blur", view="map"), **WHOLE)
    assert sorted(batch.keys) == [f"train-{ordinal}" for ordinal in range(6)]
    batches = list(evaluate(unpaired, pairing="unpaired", **options("blur", view="map"), **WHOLE))
    assert sum(len(batch.keys) for batch in batches) == 4


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_degrades_as_the_cpu_does(smooth_set, kind):
    folder, view, _ = smooth_set
    cpu, gpu = (take(2, folder, device_id=device_id, **options(kind, view=view)) for device_id in (None, 0))
    for batch, other in zip(cpu, gpu, strict=True):
        difference = np.abs(grey_levels(batch.a) - grey_levels(other.a))
        assert difference.max() < {"jpeg": 24, "downscale": 3.01}.get(kind, 1.01)
        assert difference.mean() < {"jpeg": 2.0}.get(kind, 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DataConfig(degrade=DegradeConfig(blur_sigma=0)), r"data\.degrade\.blur_sigma = 0: "),
        (lambda: DataConfig(degrade=DegradeConfig(noise_sigma=300)), r"data\.degrade\.noise_sigma = 300: "),
        (
            lambda: DataConfig(degrade=DegradeConfig(jpeg_quality=101)),
            r"data\.degrade\.jpeg_quality = 101: use 1 to 100",
        ),
        (lambda: DataConfig(degrade=DegradeConfig(kind="blur")), r"data\.view_a = 'relief': must equal data\.view_b"),
        (
            lambda: data_config(Path("d"), crop_size=18, **options("downscale", factor=4)),
            r"data\.degrade\.factor = 4: must divide data\.crop_size = 18",
        ),
    ],
)
def test_an_impossible_degradation_is_named(make, message):
    with pytest.raises(ConfigError, match=message):
        check_section(make(), "data")


def test_a_method_may_restore_a_view():
    data = DataConfig(load_size=286, crop_size=256, **options("jpeg"))
    assert RunConfig(method=Pix2PixConfig(), data=data).data.is_degraded
    with pytest.raises(ConfigError, match=r"data\.view_b = 'photo': must differ.*data\.degrade\.kind"):
        RunConfig(method=Pix2PixConfig(), data=DataConfig(load_size=286, crop_size=256, **options("none")))


def test_a_method_that_learns_from_one_view_has_no_input_to_degrade():
    section = SimpleNamespace(name="dcgan", pairing="single", players=(), check=lambda data: None)
    with pytest.raises(ConfigError, match=r"data\.degrade\.kind = 'blur': method\.name = 'dcgan' learns from one view"):
        RunConfig(method=section, data=DataConfig(**options("blur")))


def test_an_image_that_cannot_be_decoded_is_named(tmp_path):
    samples = [(f"s{number}", {"photo": encode(noise(number, side=SIDE), "png")}) for number in range(4)]
    samples[2][1]["photo"] = b"no image at all"
    write_dataset(tmp_path, views={"photo": VIEWS["photo"]}, splits={"train": [samples]})
    loader = open_loader(tmp_path, shuffle=False, **options("noise"))
    with pytest.raises(DatasetError, match=r"000000\.tar, sample 's2': view 'photo' is refused: it is no image"):
        next(loader)
    loader.close()
