"""What a stranger's data set may try: sealed as a true one is, and refused before anything is opened or decoded."""

import io
import json
import os
import shutil
import struct
import tracemalloc
import zlib
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.errors import DatasetError
from sharding.format.codec.stored import check_stored
from sharding.format.manifest import View
from sharding.format.manifest_file import read_manifest
from sharding.storage.seal import seal
from sharding.verifying.verify import verify
from tests.unit.data.loading import open_loader
from tests.unit.data.test_reader import open_reader, replace_index
from tests.unit.data.tiny_shards import LABELS, VIEWS, encode, noise, noisy_shards, write_dataset
from tests.unit.sharding.damage import seal_as


def changed(folder, path, value):
    """Seal a manifest in which the field at `path` says something else."""
    record = json.loads((folder / "dataset.json").read_text())
    *parents, last = path
    holder = record
    for name in parents:
        holder = holder[name]
    holder[last] = value
    seal_as(folder, record)


SHARD, VIEW = ("splits", "train", 0), ("views", "photo")
LIES = [
    ((*SHARD, "sha256"), "/home/u/thesis", "sha256 = '/home/u/thesis'; it must be 64 digits"),
    ((*SHARD, "sha256"), "../x", "sha256 = '../x'"),
    ((*SHARD, "sha256"), "A" * 64, "64 digits of 0-9 and a-f"),
    ((*SHARD, "index_sha256"), "0" * 64 + "\n", "index_sha256"),
    ((*SHARD, "path"), "/etc/passwd.tar", "'/etc/passwd.tar' is listed in the split 'train'"),
    ((*SHARD, "path"), "train/../../x.tar", "is listed in the split"),
    ((*SHARD, "path"), "train/a\\b.tar", "is listed in the split"),
    ((*SHARD, "path"), "train/\x1b[31m.tar", r"train/\\x1b"),
    ((*SHARD, "path"), "train/000000", "end in .tar"),
    ((*SHARD, "path"), "train/a?b.tar", "is listed in the split"),
    ((*SHARD, "path"), "train/000001.tar", "is listed 2 times"),
    ((*SHARD, "num_samples"), -1, "num_samples = -1"),
    ((*SHARD, "num_samples"), True, "num_samples = True"),
    ((*SHARD, "num_samples"), 10**12, "there is room for"),
    ((*SHARD, "num_bytes"), -5, "num_bytes = -5"),
    ((*SHARD, "num_bytes"), 2**62, "num_bytes = "),
    ((*SHARD, "view"), "photo", "a paired set leaves out"),
    ((*VIEW, "width"), -5, "width = -5; it must be 1 or more"),
    ((*VIEW, "width"), 0, "width = 0"),
    ((*VIEW, "width"), "24", "width = '24'"),
    ((*VIEW, "width"), 10**9, "width = 1000000000; it must be 262144 or less"),
    ((*VIEW, "channels"), 10**9, "channels = 1000000000"),
    ((*VIEW, "channels"), 10**4000, "the number 1000.* is out of range"),
    ((*VIEW, "extension"), "../../x.png", "extension = '../../x.png'"),
    ((*VIEW, "extension"), "a b.png", "extension = 'a b.png'"),
    ((*VIEW, "extension"), "json", "'json' is there twice"),
    ((*VIEW, "value_range"), [0, float("nan")], "NaN is no number of JSON"),
    ((*VIEW, "value_range"), [0, float("inf")], "Infinity is no number"),
    ((*VIEW, "value_range"), [255, 0], "value_range 255.0, 0.0"),
    ((*VIEW, "value_range"), [7, 7], "value_range 7.0, 7.0"),
    ((*VIEW, "value_range"), [0, 1e-300], "must span"),
    (("views", "a/b"), {"extension": "b.png"}, "a view is called 'a/b'"),
    (("views", "\x1b]0;x"), {"extension": "b.png"}, r"a view is called '\\x1b\]0;x'"),
    (("splits", "../train"), [], "a split is called '../train'"),
    (("classes",), [{"name": "sea", "color": [0, 0, 256]}], "each level must be 0 to 255"),
    (("classes",), [{"name": "sea", "color": [0, 0, 5]}] * 2, "'sea' is there twice"),
    (("classes",), [{"name": "sea\x1b[31m", "color": [0, 0, 5]}], "control characters"),
    (("labels", "size", "names"), ["small", "small"], "'small' is there twice"),
    (("labels", "size", "names"), ["small", ""], "a name is empty"),
    (("labels", "size", "names"), ["x" * 10**5], "is longer than 1000 characters"),
    (("labels", "size", "names"), [], "has 0 names"),
    (("labels", "size", "ordinal"), "yes", "ordinal = 'yes'"),
    (("made_by", "deep"), json.loads("[" * 200 + "]" * 200), "deeper than 32"),
]


@pytest.mark.parametrize(("path", "value", "message"), LIES)
def test_a_sealed_manifest_that_lies_is_refused_by_reading_and_by_verify(noisy, tmp_path, path, value, message):
    shutil.copy(noisy / "dataset.json", tmp_path)  # alone: nothing else is opened
    changed(tmp_path, path, value)
    with pytest.raises(DatasetError, match=rf"dataset\.json is not a valid manifest: .*{message}"):
        read_manifest(tmp_path)
    assert any(problem.startswith("dataset.json: ") for problem in verify(tmp_path))


def test_json_that_python_would_pass_is_refused(damaged):
    path = damaged / "dataset.json"
    text = path.read_text().partition(',\n "sha256"')[0]
    for lie, message in (('"name": "x", "name": "y",', "'name' twice"), ('"made_by": 1e400,', "1e400 is out of range")):
        seal_text(path, text.replace("{", "{" + lie, 1))
        with pytest.raises(DatasetError, match=message):
            read_manifest(damaged)
    seal_text(path, '{"format": ' + "[" * 10**5 + "]" * 10**5)
    with pytest.raises(DatasetError, match="too deep"):
        read_manifest(damaged)


def seal_text(path, text):
    path.write_bytes(seal(f"{text}\n}}".encode()))


def test_a_manifest_that_never_ends_is_not_read(damaged):
    path = damaged / "dataset.json"
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(DatasetError, match="is no regular file"):
        read_manifest(damaged)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DatasetError, match="is no regular file"):
        read_manifest(damaged)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DatasetError, match=r"dataset\.json cannot be read \(is larger than 67108864 bytes"):
        read_manifest(damaged)


def test_an_index_that_never_ends_is_not_read(damaged):
    index = damaged / "train/000000.idx"
    index.unlink()
    index.symlink_to("/dev/zero")
    with pytest.raises(DatasetError, match=r"000000\.idx cannot be read \(is no regular file\)"):
        open_reader(damaged)


def edited_index(damaged, change):
    header, *lines = (damaged / "train/000000.idx").read_text().splitlines()
    lines[3] = change(lines[3])
    replace_index(damaged, "train/000000.idx", "\n".join([header, *lines]) + "\n")


@pytest.mark.parametrize("key", ["../../x", "a/b", "a\\b", "\x1b[31m", "x" * 300])
def test_a_sample_that_is_called_like_a_path_or_a_command_is_refused(damaged, key):
    edited_index(damaged, lambda line: line.replace("train-3", key))
    with pytest.raises(DatasetError, match=r"000000\.idx: .*names no sample"):
        open_reader(damaged)


def test_a_sample_that_is_there_twice_is_refused(damaged):
    edited_index(damaged, lambda line: line.replace("train-3", "train-1"))
    with pytest.raises(DatasetError, match=r"000000\.idx holds the sample 'train-1' twice"):
        open_reader(damaged)


@pytest.mark.parametrize(("field", "value"), [(1, 2**62), (2, 2**62), (2, -1)])
def test_numbers_near_the_greatest_are_outside_the_tar(damaged, field, value):
    def change(line):
        fields = line.split()
        at = next(at for at in range(0, len(fields), 4) if fields[at] == "photo.png")
        fields[at + 1], fields[at + 2] = (str(2**62), str(2**62)) if value > 0 else (fields[at + 1], str(value))
        fields[at + field] = str(value)
        return " ".join(fields)

    edited_index(damaged, change)
    with pytest.raises(DatasetError, match="places sample 'train-3' outside its tar"):
        open_reader(damaged)


def test_a_member_of_sixty_gigabytes_of_nothing_is_not_read(damaged):
    """In a tar of holes, which takes no room on the disk."""
    tar = damaged / "train/000000.tar"
    with tar.open("r+b") as file:
        file.truncate(60 * 2**30 + 10**6)
    changed(damaged, (*SHARD, "num_bytes"), 60 * 2**30 + 10**6)

    def change(line):
        fields = line.split()
        fields[fields.index("photo.png") + 2] = str(60 * 2**30)
        return " ".join(fields)

    edited_index(damaged, change)
    with pytest.raises(
        DatasetError, match=r"sample 'train-3' has 64424509440 bytes in its member photo\.png, where \d+"
    ):
        open_reader(damaged)


def test_verify_does_not_hold_sixty_gigabytes_of_nothing(damaged):
    tar = damaged / "train/000000.tar"
    data = bytearray(tar.read_bytes()[:512])
    data[124:136] = b"\x80" + (60 * 2**30).to_bytes(11)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    sparse = damaged / "train/sparse"
    with sparse.open("wb") as file:
        file.write(data)
        file.truncate(2 * 2**30)  # the rest need not be read to be hashed in this test
    from sharding.verifying.tape import Tape, read_samples

    with sparse.open("rb", buffering=0) as file:
        tape = Tape(file, num_bytes=61 * 2**30, most_bytes=2**26, advance=lambda number: None)
        with pytest.raises(DatasetError, match="a file in it has 64424509440 bytes, where 67108864 are the most"):
            list(read_samples(tape, path=sparse))


def big_png(side, *, text=b""):
    """Announces side x side pixels of grey in a few kilobytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + text
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def saved(picture, format, **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def bomb_tiff(side, channels=1):
    """A directory of eight entries that announces much and holds nothing."""
    entries = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, channels)]
    entries += [(278, 4, side), (279, 4, 4)]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IIH", 12, 0, len(entries)) + body + struct.pack("<I", 0)


def npy_of(shape, kind="|u1"):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + bytes(100)


LARGE = Image.new("RGB", (1400, 1400))
PICTURES = {
    "png": ("png", lambda: saved(LARGE, "PNG"), "it is 1400x1400 pixels; the manifest says 24x24"),
    "jpg": ("jpg", lambda: saved(LARGE, "JPEG"), "it is 1400x1400 pixels"),
    "progressive": ("jpg", lambda: saved(LARGE, "JPEG", progressive=True), "it is 1400x1400 pixels"),
    "webp": ("webp", lambda: saved(LARGE, "WEBP"), "it is 1400x1400 pixels"),
    "lossless": ("webp", lambda: saved(LARGE, "WEBP", lossless=True), "it is 1400x1400 pixels"),
    "bmp": ("bmp", lambda: saved(LARGE, "BMP"), "it is 1400x1400 pixels"),
    "tiff": ("tif", lambda: saved(LARGE, "TIFF"), "it is 1400x1400 pixels"),
    "another kind": ("jpg", lambda: saved(LARGE, "TIFF"), "it is 1400x1400 pixels"),
    "bomb": ("png", lambda: big_png(60000), "no picture may have more than 268435456 pixels"),
    "deep": ("png", lambda: encode(np.zeros((24, 24), np.uint16), "png"), "channels of uint16"),
    "grey": ("png", lambda: encode(noise(side=24, channels=1), "png"), "it has 1 channels of uint8"),
    "alpha": ("png", lambda: saved(Image.new("RGBA", (24, 24)), "PNG"), "it has 4 channels of uint8"),
    "cmyk": ("jpg", lambda: saved(Image.new("CMYK", (25, 24)), "JPEG"), "it is 25x24 pixels"),
    "tiff bomb": ("tif", lambda: bomb_tiff(10**6), "it is 1000000x1000000 pixels"),
    "tiff channels": ("tif", lambda: bomb_tiff(20000, 30000), "of 30000 channels"),
    "npy bomb": ("npy", lambda: npy_of("(100000, 100000)"), "it is 100000x100000 pixels"),
    "npy objects": ("npy", lambda: npy_of("(24, 24, 3)", "|O8"), "type object"),
    "postscript": ("png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 24\n", "it is no image"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_is_not_the_one_that_the_manifest_tells_of_is_never_decoded(tmp_path, name):
    suffix, make, message = PICTURES[name]
    views = {"a": VIEWS["photo"], "b": View(extension=f"b.{suffix}", width=24, height=24)}
    good, content = encode(noise(side=24), "png"), make()
    write_dataset(tmp_path, views=views, splits={"train": [[("x", {"a": good, "b": content})]]})
    loader = open_loader(tmp_path, view_a="a", view_b="b", batch_size=1)
    with pytest.raises(DatasetError, match=rf"000000\.tar, sample 'x': view 'b' is refused: .*{message}"):
        list(islice(loader, 1))
    loader.close()
    tracemalloc.start()
    with pytest.raises(DatasetError, match=message):
        check_stored(content, views["b"])
    assert tracemalloc.get_traced_memory()[1] < 2**20 + 3 * len(content)
    tracemalloc.stop()
    assert any(message in problem and "x.b." in problem for problem in verify(tmp_path, decode=True))


def test_where_the_manifest_tells_no_size_the_most_pixels_are_bounded(tmp_path):
    views = {"a": View(extension="a.png"), "b": View(extension="b.png")}
    files = {"a": encode(noise(side=24), "png"), "b": big_png(60000)}
    write_dataset(tmp_path, views=views, splits={"train": [[("x", files)]]})
    loader = open_loader(tmp_path, view_a="a", view_b="b", batch_size=1)
    with pytest.raises(DatasetError, match=r"view 'b' is refused: it is 60000x60000 pixels"):
        list(islice(loader, 1))
    loader.close()


@pytest.mark.parametrize("content", [b"[" * 10**5, b'{"size": 1e999}', b'{"size": ' + b"9" * 10**5 + b"}"])
def test_labels_that_are_a_trap_are_named(tmp_path, content):
    (samples,) = noisy_shards("train", [2])
    samples[1][1]["json"] = content
    write_dataset(tmp_path, views=VIEWS, labels=LABELS, splits={"train": [samples]})
    reader = open_reader(tmp_path, labels=["size"])
    with pytest.raises(
        DatasetError, match=r"000000\.tar, sample 'train-1': (its labels are not JSON|label 'size' is inf)"
    ):
        reader.labels(0, 1)


def test_labels_of_megabytes_are_not_read(tmp_path):
    (samples,) = noisy_shards("train", [2])
    samples[1][1]["json"] = b" " * 2**21
    write_dataset(tmp_path, views=VIEWS, labels=LABELS, splits={"train": [samples]})
    with pytest.raises(DatasetError, match=r"sample 'train-1' has 2097152 bytes in its member json, where 1048576"):
        open_reader(tmp_path, labels=["size"])


def test_pillow_keeps_its_own_limit(tmp_path: Path):
    assert Image.MAX_IMAGE_PIXELS is not None
    (tmp_path / "a.png").write_bytes(big_png(60000))
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / "a.png")
