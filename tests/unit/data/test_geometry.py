"""Geometry: all views of a sample agree to the pixel, whatever their size and format and however they are decoded.

Images are ramps: a pixel's value tells where in the whole image its centre lies. So each crop tells where it was cut
from, how it was scaled, mirrored and turned, and views can be compared to a fraction of a pixel.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sharding.errors import DatasetError
from sharding.format.codec.encoding import encode
from sharding.format.manifest import ClassInfo, View
from sharding.format.manifest_file import read_manifest
from tests.unit.data.loading import method_of, take
from tests.unit.data.tiny_shards import write_dataset
from trainer.config.data import DataConfig, JitterConfig
from trainer.config.errors import ConfigError
from trainer.config.section import check_section
from trainer.data.geometry import known_size, turning_matrices
from trainer.data.order import augmentation
from trainer.data.split import split_images
from trainer.data.subject import Subject
from trainer.ranks.world import lone_world

SIZES = ((48, 64), (60, 40), (41, 57), (40, 40))
"""Height and width of each sample, in the set whose samples differ."""
CLASSES = [ClassInfo(name=f"column {number}", color=(number, 255 - number, 7)) for number in range(64)]
KINDS = {
    "grey": View(extension="grey.png", channels=1),
    "rgb": View(extension="rgb.jpg"),
    "webp": View(extension="webp.webp"),
    "deep": View(extension="deep.png", channels=1, dtype="uint16", value_range=(0, 65535)),
    "bands": View(extension="bands.tif", channels=5, dtype="float32", value_range=(-3.0, 5.0)),
    "array": View(extension="array.npy", channels=2, dtype="uint16", value_range=(0, 65535)),
}


def ramp(height, width, channels):
    """[H, W, C] in 0..1: place of a pixel's centre from left to right, from top to bottom, and so on in turn."""
    across = np.broadcast_to((np.arange(width) + 0.5) / width, (height, width))
    down = np.broadcast_to(((np.arange(height) + 0.5) / height)[:, None], (height, width))
    return np.stack([across, down] * 3, axis=2)[:, :, :channels]


def encoded(view, height, width):
    low, high = view.value_range
    values = low + ramp(height, width, view.channels) * (high - low)
    pixels = values.astype(np.float32) if view.dtype == "float32" else values.round().astype(view.dtype)
    kind = view.extension.rpartition(".")[2]
    return encode(pixels, {"tif": "tiff"}.get(kind, kind), quality=100)


def write_ramps(folder, *, views, sizes):
    """`views`: name -> (view, how many times larger its images are). Where sizes differ, the manifest names none."""
    views = {
        name: (replace(view, extension=f"{name}.{view.extension}"), scale) for name, (view, scale) in views.items()
    }
    known = {
        name: replace(view, height=scale * sizes[0][0], width=scale * sizes[0][1]) if len(set(sizes)) == 1 else view
        for name, (view, scale) in views.items()
    }
    samples = [
        (f"s{n}", {name: encoded(view, scale * h, scale * w) for name, (view, scale) in views.items()})
        for n, (h, w) in enumerate(sizes)
    ]
    return write_dataset(folder, views=known, splits={"train": [samples], "test": [samples]})


def places(image):
    """The first two channels [2, H, W] of a crop in 0..1; of one channel, [1, H, W]."""
    return (image[:2] + 1) / 2


def batch_of(folder, **options):
    defaults = {"view_a": "a", "view_b": "b", "shuffle": False, "batch_size": 4, "crop_size": (24, 32)}
    return take(2, folder, **defaults | options)


def evaluation(folder, **options):
    """The whole split as evaluation sees it, in one batch."""
    options = {"load_size": (30, 40), "rotate": False} | options
    data = DataConfig(path=folder, view_a="a", view_b="b", crop_size=(24, 32), **options)
    world = lone_world(torch.device("cpu"))
    subject = Subject(data=data, method=method_of("paired"), manifest=read_manifest(folder))
    (batch,) = split_images(subject, split="test", world=world, batch_size=4)
    return batch


RESIZES = [
    {"resize": "stretch", "load_size": (48, 64)},
    {"resize": "stretch", "load_size": (30, 40)},
    {"resize": "cover", "load_size": (30, 34)},
    {"resize": "none"},
]
PAIRS = [("grey", "deep"), ("rgb", "bands"), ("webp", "array"), ("deep", "bands"), ("grey", "rgb")]


@pytest.mark.parametrize("geometry", RESIZES, ids=lambda value: "-".join(map(str, value.values())))
@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
@pytest.mark.parametrize("sizes", [((48, 64),) * 4, SIZES], ids=["equal", "different"])
def test_views_agree_to_the_pixel(tmp_path, kinds, sizes, geometry):
    write_ramps(tmp_path, views={"a": (KINDS[kinds[0]], 1), "b": (KINDS[kinds[1]], 1)}, sizes=sizes)
    for options in ({}, {"rotate": True, "crop_size": 24}):
        for batch in batch_of(tmp_path, **geometry, **options):
            for a, b in zip(batch.a, batch.b, strict=True):
                num = min(len(a), len(b), 2)
                difference = places(a)[:num] - places(b)[:num]
                # Half a pixel would be a 128th of the width, or more. JPEG and WebP err by levels, but both ways.
                is_lossy = bool({"rgb", "webp"} & {*kinds})
                assert difference.mean(dim=(1, 2)).abs().max() < (0.003 if is_lossy else 0.002)
                assert difference.abs().max() < (0.03 if is_lossy else 0.006)


@pytest.mark.parametrize("geometry", [RESIZES[1], RESIZES[2]], ids=["stretch", "cover"])
@pytest.mark.parametrize("sizes", [((48, 64),) * 4, SIZES], ids=["equal", "different"])
def test_views_of_another_resolution_agree(tmp_path, sizes, geometry):
    write_ramps(tmp_path, views={"a": (KINDS["bands"], 1), "b": (KINDS["grey"], 3)}, sizes=sizes)
    for batch in batch_of(tmp_path, **geometry):
        difference = (places(batch.a.transpose(0, 1))[:1] - places(batch.b.transpose(0, 1))).abs()
        assert difference[..., 2:-2].max() < 0.006  # at the image's borders, resizing bends ramps


@pytest.mark.parametrize("kind", ["grey", "deep", "array"])
@pytest.mark.parametrize("sizes", [((48, 64),) * 4, SIZES], ids=["equal", "different"])
def test_crops_of_stored_pixels_lie_where_the_position_says(tmp_path, kind, sizes):
    """To the last pixel, by the same fractions whatever the image's size and whoever decodes."""
    view = KINDS[kind]
    write_ramps(tmp_path, views={"a": (view, 1), "b": (view, 1)}, sizes=sizes)
    low, high = view.value_range
    for batch in batch_of(tmp_path, resize="none"):
        drawn = augmentation(11, range(batch.index[0], batch.index[-1] + 1))
        for row, image in enumerate(batch.b):
            height, width = sizes[row]
            y, x = int(drawn.crop_y[row] * (height - 23)), int(drawn.crop_x[row] * (width - 31))
            crop = ramp(height, width, view.channels)[y : y + 24, x : x + 32]
            crop = crop[:, ::-1] if drawn.flip[row] else crop
            stored = (crop * (high - low)).round() / (high - low) * 2 - 1
            np.testing.assert_allclose(image.permute(1, 2, 0), stored, atol=2e-6)


def test_rotation_is_that_of_numpy_and_leaves_crops_and_flips_alone(tmp_path):
    write_ramps(tmp_path, views={name: (KINDS[kind], 1) for name, kind in zip("ab", ("rgb", "bands"), strict=True)},
                sizes=((48, 64),) * 4)  # fmt: skip
    plain, turned = (
        batch_of(tmp_path, resize="none", crop_size=24, rotate=rotate, flip=False) for rotate in (False, True)
    )
    seen = set()
    for one, other in zip(plain, turned, strict=True):
        turns = augmentation(11, range(one.index[0], one.index[-1] + 1)).turns
        for view in ("a", "b"):
            for image, result, number in zip(getattr(one, view), getattr(other, view), turns, strict=True):
                assert torch.equal(torch.rot90(image, int(number), dims=(1, 2)), result)
        seen |= set(turns.tolist())
    assert len(seen) > 2
    flipped = batch_of(tmp_path, resize="none", crop_size=24, rotate=True)
    for one, other, number in zip(turned, flipped, range(0, 8, 4), strict=True):
        for image, result, flip in zip(one.a, other.a, augmentation(11, range(number, number + 4)).flip, strict=True):
            assert torch.equal(image.flip(2) if flip else image, result)


def test_turning_matrices_map_corners():
    for number, matrix in enumerate(turning_matrices(np.arange(4, dtype=np.int32), side=5)):
        image = np.arange(25).reshape(5, 5)
        for (y, x), value in np.ndenumerate(np.rot90(image, number)):
            source_x, source_y = matrix @ [x + 0.5, y + 0.5, 1]
            assert image[int(source_y), int(source_x)] == value


@pytest.mark.parametrize("geometry", RESIZES, ids=lambda value: "-".join(map(str, value.values())))
def test_classes_are_resized_by_nearest_and_shown_in_their_colours(tmp_path, geometry):
    """Each column is a class of its own, beside a ramp that tells the columns' places."""
    mask = View(extension="b.png", channels=1, content="classes")
    samples = []
    for number, (height, width) in enumerate(SIZES):
        columns = np.broadcast_to(np.arange(width, dtype=np.uint8)[:, None], (height, width, 1)).copy()
        columns[:3] = 255
        samples.append((f"s{number}", {"a": encoded(KINDS["deep"], height, width), "b": encode(columns, "png")}))
    write_dataset(tmp_path, views={"a": KINDS["deep"], "b": mask}, classes=CLASSES, splits={"train": [samples]})
    for batch in batch_of(tmp_path, **geometry):
        colors = (batch.b * 127.5 + 127.5).round().int()
        numbers, second, third = colors.unbind(1)
        is_class = third == 7
        assert not (colors * ~is_class.unsqueeze(1)).any()
        assert torch.equal(second[is_class], 255 - numbers[is_class])
        for row, (_, width) in enumerate(SIZES):
            place = places(batch.a[row])[0] * width - 0.5  # of the pixel's centre, in columns
            difference = (place - numbers[row])[is_class[row]]
            assert difference.abs().max() < 0.6  # nearest: at most half a column, and what resizing bends


def test_a_pair_whose_views_differ_in_size_is_named(tmp_path):
    views = {"a": KINDS["grey"], "b": KINDS["deep"]}
    samples = [
        (f"s{number}", {"a": encoded(views["a"], 40, 50), "b": encoded(views["b"], 40 + 3 * (number == 2), 50)})
        for number in range(4)
    ]
    write_dataset(tmp_path, views=views, splits={"train": [samples]})
    for geometry in ({"resize": "none"}, {"resize": "cover", "load_size": 40}):
        with pytest.raises(
            DatasetError, match=r"000000\.tar, sample 's2'\. .*its views are \d+x\d+ and \d+x\d+ pixels"
        ):
            batch_of(tmp_path, **geometry)


@pytest.mark.parametrize("kind", ["rgb", "deep"])
def test_an_image_smaller_than_the_crop_is_named(tmp_path, kind):
    write_ramps(tmp_path, views=dict.fromkeys("ab", (KINDS[kind], 1)), sizes=((40, 40), (24, 32), (40, 31)))
    message = r"000000\.tar, sample 's2': view 'a' .*is smaller than the crop"
    with pytest.raises(DatasetError, match=message):
        batch_of(tmp_path, resize="none", batch_size=3)


def test_light_changes_in_the_named_view_alone(tmp_path):
    write_ramps(tmp_path, views=dict.fromkeys("ab", (KINDS["webp"], 1)), sizes=((48, 64),) * 4)
    jitter = JitterConfig(view="b", brightness=0.4, contrast=0.3, saturation=0.5, hue=40)
    plain, lit, again = (batch_of(tmp_path, resize="none", jitter=own) for own in (JitterConfig(), jitter, jitter))
    for one, other, repeated in zip(plain, lit, again, strict=True):
        assert torch.equal(one.a, other.a)
        assert torch.equal(other.b, repeated.b)
        changes = (one.b - other.b).abs().mean(dim=(1, 2, 3))
        assert changes.min() > 0.01
        assert len(changes.unique()) == 4
    evaluated = evaluation(tmp_path, resize="none", jitter=jitter)
    assert torch.equal(evaluated.a, evaluated.b)


def test_brightness_is_a_factor(tmp_path):
    view = KINDS["grey"]
    write_ramps(tmp_path, views=dict.fromkeys("ab", (view, 1)), sizes=((48, 64),) * 4)
    (batch, _) = batch_of(tmp_path, resize="none", jitter=JitterConfig(brightness=0.4))
    factors = 1 + 0.4 * (2 * augmentation(11, range(4)).brightness - 1)
    for a, b, factor in zip(batch.a, batch.b, factors, strict=True):
        expected = ((b * 127.5 + 127.5) * factor).clamp(max=255)
        assert ((a * 127.5 + 127.5) - expected).abs().max() < 1.01


@pytest.mark.parametrize(
    ("native", "load", "expected"),
    [((100, 150), (50, 50), (50, 75)), ((150, 100), (50, 50), (75, 50)), ((20, 30), (50, 50), (50, 75)),
     ((30, 46), (20, 20), (20, 31)),
     ((33, 50), (32, 48), (32, 48)), ((99, 150), (32, 48), (32, 48)), ((40, 40), (30, 60), (60, 60))],
)  # fmt: skip
def test_covering_keeps_proportions(native, load, expected):
    assert known_size(native, resize="cover", load_size=load) == expected
    assert known_size((7 * native[0], 7 * native[1]), resize="cover", load_size=load) == expected
    assert known_size(native, resize="stretch", load_size=load) == load
    assert known_size(native, resize="none", load_size=load) == native


@pytest.mark.parametrize(
    ("stored", "load", "crop", "expected"),
    [
        ((256, 256), 286, 256, (256, 256)),
        ((300, 256), 286, 256, (286, 256)),
        ((128, 512), (143, 286), (128, 256), (128, 286)),
        (None, 143, 128, (128, 128)),
    ],
)
def test_evaluation_sees_targets_at_their_stored_size(tmp_path, stored, load, crop, expected):
    height, width = stored or (None, None)
    view = View(extension="b.png", height=height, width=width)
    write_dataset(tmp_path, views={"b": view}, splits={})
    data = DataConfig(path=tmp_path, view_b="b", load_size=load, crop_size=crop)
    subject = Subject(data=data, method=method_of("paired"), manifest=read_manifest(tmp_path))
    assert subject.evaluation_size == expected


@pytest.mark.parametrize("geometry", RESIZES, ids=lambda value: "-".join(map(str, value.values())))
def test_evaluation_cuts_the_middle(tmp_path, geometry):
    write_ramps(tmp_path, views={"a": (KINDS["deep"], 1), "b": (KINDS["grey"], 1)}, sizes=SIZES)
    batch = evaluation(tmp_path, **geometry)
    for image in batch.a:
        assert abs(places(image)[0].mean() - 0.5) < 0.02


def test_what_cannot_be_cropped_is_said():
    with pytest.raises(ConfigError, match=r"data\.rotate = True: turns squares only"):
        check_section(DataConfig(rotate=True, crop_size=(64, 128), load_size=256), "data")
    with pytest.raises(ConfigError, match=r"data\.load_size = \(64, 256\): must be at least data\.crop_size"):
        check_section(DataConfig(crop_size=(64, 257), load_size=(64, 256)), "data")
    check_section(DataConfig(crop_size=(64, 257), load_size=(64, 256), resize="none"), "data")
