"""Edges drawn while sharding, and the network that may draw them."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sharding.errors import DatasetError, OptionError
from sharding.format.manifest_file import read_manifest
from sharding.rendering.edges import HED_MEAN, EdgeOptions, draw_canny, hed_method
from sharding.verifying.verify import verify
from tests.unit.sharding.files import Run, read_members


def photo(*, ground: int = 40, square: int = 200) -> np.ndarray:
    pixels = np.full((64, 64, 3), ground, np.uint8)
    pixels[16:48, 16:48] = square
    return pixels


def test_lines_are_dark_and_lie_on_the_outline() -> None:
    edges = draw_canny(photo())
    assert (edges.shape, edges.dtype, sorted(np.unique(edges))) == ((64, 64), np.uint8, [0, 255])
    rows, columns = np.nonzero(edges == 0)
    on_outline = np.minimum(
        np.minimum(abs(rows - 15.5), abs(rows - 47.5)), np.minimum(abs(columns - 15.5), abs(columns - 47.5))
    )
    assert on_outline.max() <= 1
    assert 100 < len(rows) < 140  # four sides of 32
    assert np.array_equal(draw_canny(photo()[..., 0]), edges)  # one channel


def test_thresholds_follow_the_photo_unless_given() -> None:
    faint = photo(ground=120, square=134)
    assert (draw_canny(faint) == 255).all()  # a step of 14 makes a gradient of about 25
    assert (draw_canny(faint, high=20) == 0).any()
    assert (draw_canny(faint, low=10, high=200) == 255).all()
    plain = photo(ground=100, square=140)
    steep = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] // 8 % 2 * 255, (1, 64, 3))
    assert (draw_canny(plain) == 0).any()
    assert (draw_canny(np.concatenate([plain, steep]))[:56] == 255).all()  # beside steep steps it is no edge
    noise = np.random.default_rng(0).integers(0, 12, (64, 64, 3), dtype=np.uint8)
    assert (draw_canny(noise) == 255).all()  # dark noise is no edge


def test_pairs_get_a_third_view(pairs: Path, tmp_path: Path, shard: Run) -> None:
    make = ("pairs", "--folder", pairs, "--view-left", "photo", "--view-right", "map", "--edges", "photo")
    assert shard(*make, "--out", tmp_path / "out", "--size", 64)[0] == 0
    manifest = read_manifest(tmp_path / "out")
    assert list(manifest.views) == ["photo", "map", "edges"]
    view = manifest.views["edges"]
    assert (view.extension, view.channels, view.width, view.height) == ("edges.png", 1, 64, 64)
    assert verify(tmp_path / "out", decode=True) == []
    drawn = 0
    for members in read_members(tmp_path / "out").values():
        assert list(members) == ["photo.png", "map.png", "edges.png"]
        edges = np.asarray(members["edges.png"])
        np.testing.assert_array_equal(edges, draw_canny(np.asarray(members["photo.png"])))  # of the stored size
        drawn += (edges == 0).any()
    assert drawn >= 10


def test_edges_come_before_labels_and_after_one_view(tmp_path: Path, shard: Run) -> None:
    for kind in ("cat", "dog"):
        (tmp_path / "in" / kind).mkdir(parents=True)
        Image.fromarray(photo()).save(tmp_path / "in" / kind / "1.jpg")
    make = ("images", "--folder", tmp_path / "in", "--labels", "folders", "--out", tmp_path / "out")
    assert shard(*make, "--edges", "photo")[0] == 0
    assert [list(m) for m in read_members(tmp_path / "out").values()] == [["photo.jpg", "edges.png", "json"]] * 2
    assert shard(*make, "--edges", "photo", "--canny-high", 30)[0] == 1  # another set


def test_folders_get_edges_too(folders: tuple[Path, Path], tmp_path: Path, shard: Run) -> None:
    make = ("folders", "--a", folders[0], "--b", folders[1], "--out", tmp_path / "out")
    classes = ("--classes", "sky,road", "--classes-view", "b")
    code, said = shard(*make, *classes, "--edges", "b")
    assert (code, "photos (a)" in said) == (2, True), said
    assert shard(*make, *classes, "--edges", "a")[0] == 0
    assert list(read_manifest(tmp_path / "out").views) == ["a", "b", "edges"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--edges", "c"), "--edges 'c'"),
        (("--edges", "edges", "--view-left", "edges"), "'edges'"),
        (("--edges", "b", "--view-left", "edges"), "'edges'"),
        (("--edges", "a", "--edges-method", "hed"), "belong together"),
        (("--edges", "a", "--hed-weights", "x.onnx"), "belong together"),
        (("--edges-method", "hed", "--hed-weights", "x.onnx"), "goes with --edges"),
        (("--canny-low", 3), "--canny-low: it goes with --edges"),
        (("--edges", "a", "--canny-low", 0), "--canny-low 0"),
        (("--edges", "a", "--canny-low", 90, "--canny-high", 80), "at most --canny-high, which is 80"),
        (("--edges", "a", "--edges-method", "hed", "--hed-weights", "x.onnx", "--canny-high", 5), "--canny-high: it"),
    ],
)
def test_impossible_edge_options(pairs: Path, tmp_path: Path, shard: Run, options: tuple, message: str) -> None:
    code, said = shard("pairs", "--folder", pairs, "--out", tmp_path / "out", *options)
    assert (code, message in said) == (2, True), said
    with pytest.raises(OptionError):
        EdgeOptions(edges="a", canny_high=0)


def test_missing_or_broken_weights_are_named_before_work(pairs: Path, tmp_path: Path, shard: Run) -> None:
    weights = tmp_path / "hed.onnx"
    make = ("pairs", "--folder", pairs, "--out", tmp_path / "out", "--edges", "a", "--edges-method", "hed")
    code, said = shard(*make, "--hed-weights", weights)
    assert (code, "hed.onnx is no file" in said) == (1, True), said
    weights.write_bytes(b"no network")
    code, said = shard(*make, "--hed-weights", weights)
    assert (code, "hed.onnx is no ONNX file" in said) == (1, True), said
    assert not (tmp_path / "out").exists()


def test_a_network_gets_blue_green_red_less_the_mean_and_its_map_is_inverted(tmp_path: Path) -> None:
    """A network of one layer in place of HED: the sigmoid of the weighted channels."""
    weights = np.array([0.03, -0.02, 0.01], np.float32)
    (tmp_path / "hed.onnx").write_bytes(one_layer_onnx(weights))
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    centred = pixels[..., ::-1].astype(np.float64) - HED_MEAN
    expected = 255 * (1 - 1 / (1 + np.exp(-centred @ weights)))
    np.testing.assert_allclose(hed_method(tmp_path / "hed.onnx")(pixels), expected, atol=0.51)
    grey = pixels[..., 0]
    colored = hed_method(tmp_path / "hed.onnx")(np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(hed_method(tmp_path / "hed.onnx")(grey), colored)


def test_a_network_shards_like_canny(pairs: Path, tmp_path: Path, shard: Run) -> None:
    (tmp_path / "hed.onnx").write_bytes(one_layer_onnx(np.array([0.02, 0.02, 0.02], np.float32)))
    options = ("--edges", "a", "--edges-method", "hed", "--hed-weights", tmp_path / "hed.onnx")
    make = ("pairs", "--folder", pairs, *options, "--workers", 3)
    assert shard(*make, "--out", tmp_path / "out")[0] == 0
    draw = hed_method(tmp_path / "hed.onnx")
    for members in read_members(tmp_path / "out").values():
        np.testing.assert_array_equal(np.asarray(members["edges.png"]), draw(np.asarray(members["a.png"])))
    (tmp_path / "hed.onnx").write_bytes(one_layer_onnx(np.array([0.01, 0.02, 0.02], np.float32)))
    assert shard(*make, "--out", tmp_path / "out")[0] == 1  # other weights, another set


def one_layer_onnx(weights: np.ndarray) -> bytes:
    """y = sigmoid(conv 1x1 of x), written as protobuf by hand: the package `onnx` is not among our own."""

    def number(field: int, value: int) -> bytes:
        return bytes([field << 3]) + bytes([value])

    def block(field: int, content: bytes | str) -> bytes:
        data = content.encode() if isinstance(content, str) else content
        return bytes([field << 3 | 2]) + bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) + data

    def node(operator: str, inputs: tuple[str, ...], output: str) -> bytes:
        return block(1, b"".join(block(1, name) for name in inputs) + block(2, output) + block(4, operator))

    def tensor_info(field: int, name: str, shape: tuple[int, ...]) -> bytes:
        sizes = b"".join(block(1, number(1, size)) for size in shape)
        return block(field, block(1, name) + block(2, block(1, number(1, 1) + block(2, sizes))))

    kernel = b"".join(number(1, size) for size in (1, 3, 1, 1)) + number(2, 1) + block(8, "w")
    kernel += block(9, struct.pack("<3f", *weights))
    graph = node("Conv", ("x", "w"), "c") + node("Sigmoid", ("c",), "y") + block(2, "g") + block(5, kernel)
    graph += tensor_info(11, "x", (1, 3, 24, 40)) + tensor_info(12, "y", (1, 1, 24, 40))
    return number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 13))


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(one_layer_onnx(np.ones(3, np.float32))[:60])
    with pytest.raises(DatasetError, match="no ONNX file"):
        hed_method(tmp_path / "x.onnx")
    assert cv2.__version__
