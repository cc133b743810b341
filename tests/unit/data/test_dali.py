"""Pixels: where crops land, how views align, what resizing does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from sharding.format.manifest import View
from tests.unit.data.tiny_shards import encode, noise
from trainer.data import crops, dali
from trainer.data.dali import PixelStream, first_unusable
from trainer.data.resize import resize_on_cpu
from trainer.data.spec import EncodedView, PixelSpec

CORNERS = ((0, 0), (3, 1), (8, 8), (5, 7))
FLIPS = (0, 1, 0, 1)


def view_of(pixels, extension):
    """The description of a view that holds an image like this one."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    return View(extension=extension, channels=channels, width=pixels.shape[1], height=pixels.shape[0])


def encoded(images, *, extensions, corners=CORNERS, flips=FLIPS, free=8):
    """`images`: for each view the pixels of each sample; `free`: pixels that are not in the crop."""
    return [
        EncodedView(
            files=[np.frombuffer(encode(pixels, extension), np.uint8) for pixels in view],
            places=(np.array(corners) + 0.5) / (free + 1),
            flips=np.array(flips, np.int32),
            turns=np.zeros(len(view), np.int32),
            light=np.zeros((len(view), 4), np.float32),
            noise_seeds=np.arange(len(view)),
        )
        for view, extension in zip(images, extensions, strict=True)
    ]


def spec_of(images, *, extensions, load_size, crop_size=16, device_id=None):
    views = [view_of(view[0], extension) for view, extension in zip(images, extensions, strict=True)]
    return PixelSpec(
        views=views,
        load_size=(load_size, load_size),
        crop_size=(crop_size, crop_size),
        batch_size=len(images[0]),
        num_threads=2,
        device_id=device_id,
    )


def decode(images, *, extensions, load_size, crop_size=16, device_id=None, **placement):
    """One batch through the pipeline: for each view an array [N, H, W, C] in grey levels."""
    batch = encoded(images, extensions=extensions, free=load_size - crop_size, **placement)
    spec = spec_of(images, extensions=extensions, load_size=load_size, crop_size=crop_size, device_id=device_id)
    stream = PixelStream(lambda number: batch, spec=spec)
    outputs = [tensor.permute(0, 2, 3, 1).cpu().numpy() * 127.5 + 127.5 for tensor in next(stream)]
    stream.close()
    return outputs


def cropped(images, *, size=16, corners=CORNERS, flips=FLIPS):
    """The same in numpy."""
    crops = [image[y : y + size, x : x + size] for image, (y, x) in zip(images, corners, strict=True)]
    crops = [crop[:, ::-1] if flip else crop for crop, flip in zip(crops, flips, strict=True)]
    return np.stack(crops).reshape(len(crops), size, size, -1)


def ramp(side):
    """Grey levels that grow evenly with the place of the pixels' centres: to the right, downwards, both."""
    across = np.broadcast_to((np.arange(side) + 0.5) / side, (side, side))
    return (255 * np.stack([across, across.T, (across + across.T) / 2], axis=-1)).round().astype(np.uint8)


def blobs(seed, *, channels=3):
    """As smooth as photographs are."""
    coarse = Image.fromarray(noise(seed, side=4, channels=channels))
    return np.asarray(coarse.resize((24, 24), Image.Resampling.BICUBIC))


def test_crops_and_flips_land_where_they_are_told():
    images = [
        [noise(view, sample, side=24, channels=channels) for sample in range(4)] for view, channels in enumerate((3, 1))
    ]
    outputs = decode(images, extensions=("a.png", "b.png"), load_size=24)
    for output, view in zip(outputs, images, strict=True):
        np.testing.assert_allclose(output, cropped(view), atol=1e-4)


def test_a_jpeg_crop_equals_the_crop_of_the_whole_jpeg():
    """DALI decodes only the part that is needed; its borders must not differ for that."""
    images = [[noise(sample, side=24) for sample in range(4)]]
    whole = decode(images, extensions=("a.jpg",), load_size=24, crop_size=24, corners=[(0, 0)] * 4, flips=[0] * 4)
    part = decode(images, extensions=("a.jpg",), load_size=24)
    np.testing.assert_allclose(part[0], cropped(whole[0]), atol=1e-4)


def test_batches_are_float32_channels_last_in_minus_one_to_one():
    black_and_white = np.zeros((24, 24, 3), np.uint8)
    black_and_white[:12] = 255
    batch = encoded([[black_and_white] * 4], extensions=("a.png",))
    spec = spec_of([[black_and_white] * 4], extensions=("a.png",), load_size=24)
    stream = PixelStream(lambda number: batch, spec=spec)
    (tensor,) = next(stream)
    assert tensor.dtype == torch.float32
    assert tensor.shape == (4, 3, 16, 16)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert set(tensor.unique().tolist()) == {-1.0, 1.0}
    stream.close()


@pytest.mark.parametrize("extension", ["b.png", "b.jpg"])
def test_views_of_other_sizes_and_formats_agree_to_a_fraction_of_a_pixel(extension):
    """One ramp, stored at 32 px and at 16 px and loaded at 32: a shift by half a pixel would be 4 grey levels."""
    large, small = [ramp(32)] * 4, [ramp(16)] * 4
    corners = ((4, 4), (9, 7), (12, 12), (5, 11))  # clear of the borders, where enlarging bends the ramp
    a, b = decode([large, small], extensions=("a.png", extension), load_size=32, corners=corners)
    np.testing.assert_allclose(a, b, atol=2)


@pytest.mark.parametrize("load_size", [18, 29])
def test_resizing_is_that_of_pillow(load_size):
    image = noise(1, side=24)
    (resized,) = resize_on_cpu([image], size=(load_size, load_size))
    reference = np.asarray(Image.fromarray(image).resize((load_size, load_size), Image.Resampling.BICUBIC))
    assert np.abs(resized.astype(int) - reference).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("load_size", [18, 29])
def test_resizing_on_the_cpu_is_that_of_a_gpu(monkeypatch, load_size, channels):
    """DALI's operator, which a GPU takes, run here on the CPU."""
    images = [[blobs(sample, channels=channels) for sample in range(4)]]
    whole = {"crop_size": load_size, "corners": [(0, 0)] * 4, "load_size": load_size}
    (ours,) = decode(images, extensions=("a.png",), **whole)
    on_cpu = crops.resize_and_crop
    monkeypatch.setattr(
        crops, "resize_and_crop", lambda *nodes, **options: on_cpu(*nodes, **{**options, "on_gpu": True})
    )
    (theirs,) = decode(images, extensions=("a.png",), **whole)
    assert np.abs(ours - theirs).max() < 2.01
    assert np.abs(ours - theirs).mean() < 0.5


@pytest.mark.gpu
@pytest.mark.parametrize("load_size", [24, 29])
def test_a_gpu_sees_what_the_cpu_sees(load_size):
    smooth = [blobs(sample) for sample in range(4)]
    for extension, tolerance in (("a.png", 1.01), ("a.jpg", 4.01)):
        cpu, gpu = (
            decode([smooth], extensions=(extension,), load_size=load_size, device_id=device_id)[0]
            for device_id in (None, 0)
        )
        assert np.abs(cpu - gpu).max() < tolerance


def numbered_stream(asked, *, last=10**6, num_threads=2):
    """A stream whose batch number n is a flat image of grey level n."""

    def source(number):
        asked.append(number)
        if number > last:
            raise StopIteration
        return encoded([[np.full((24, 24), number, np.uint8)] * 4], extensions=("a.png",))

    flat = [[np.zeros((24, 24), np.uint8)] * 4]
    spec = spec_of(flat, extensions=("a.png",), load_size=29)
    return PixelStream(source, spec=replace(spec, num_threads=num_threads))


def grey_level(tensor):
    assert tensor.min() == tensor.max()
    return round(tensor.max().item() * 127.5 + 127.5)


def test_batches_are_decoded_ahead_in_their_order():
    asked = []
    stream = numbered_stream(asked)
    for number in range(5):
        (tensor,) = next(stream)
        assert grey_level(tensor) == number
        if number:  # the first call asks for the first pipeline's batches only
            assert sorted(asked) == list(range(number + 1 + dali.NUM_PIPELINES * dali.PREFETCH_BATCHES))
    stream.close()


def test_one_thread_makes_one_pipeline_with_the_same_batches():
    alone, shared = numbered_stream([], num_threads=1), numbered_stream([], num_threads=3)
    for number in range(5):
        (one,), (other,) = next(alone), next(shared)
        assert grey_level(one) == number
        assert torch.equal(one, other)
    alone.close()
    shared.close()


def test_batches_are_never_overwritten():
    stream = numbered_stream([])
    held = [next(stream)[0] for _ in range(8)]
    stream.close()
    assert [grey_level(tensor) for tensor in held] == list(range(8))


@pytest.mark.parametrize("last", [0, 1, 4])
def test_the_stream_ends_with_its_source(last):
    stream = numbered_stream([], last=last)
    levels = []
    with pytest.raises(StopIteration):
        while True:
            levels.append(grey_level(next(stream)[0]))
    assert levels == list(range(last + 1))
    stream.close()


def test_closing_while_batches_are_being_decoded_never_hangs():
    for _ in range(20):
        stream = numbered_stream([])
        next(stream)
        stream.close()


def test_the_first_undecodable_image_is_found():
    images = [[noise(view, sample, side=24) for sample in range(4)] for view in range(2)]
    batch = encoded(images, extensions=("a.png", "b.jpg"))
    spec = spec_of(images, extensions=("a.png", "b.jpg"), load_size=24)
    assert first_unusable(batch, spec=spec) is None
    files = batch[1].files
    files[2] = files[2][: len(files[2]) // 2]
    row, column, reason = first_unusable(batch, spec=spec)
    assert (row, column) == (2, 1)
    assert reason


def test_a_crop_that_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"crop_size = \(30, 30\): must be at least 1 and at most load_size = \(24, 24\)"
    ):
        spec_of([[noise(side=24)]], extensions=("a.png",), load_size=24, crop_size=30)
