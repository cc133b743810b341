"""Data sets and tars are translated sample by sample, to files or to a data set with one more view."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from launch.commands.translate import main
from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.reading.reader import ShardReader
from sharding.verifying.verify import verify
from tests.tiny_run import NUM_SAMPLES, png_bytes, sample_views
from trainer.config.errors import ConfigError
from trainer.inference.shards.asked import is_shards


@pytest.fixture
def call(tiny_run, tmp_path):
    def run(source, *flags, expected=0, out="out"):
        command = [str(tiny_run.path), "--in", str(source), "--out", str(tmp_path / out), "--device", "cpu", *flags]
        assert main(command) == expected
        return tmp_path / out

    return run


def samples(folder, split, *views):
    """The files of each sample, by key."""
    reader = ShardReader(folder, read_manifest(folder), split=split, views=views)
    places = [(shard, index) for shard, num in enumerate(reader.shard_sizes) for index in range(num)]
    return {reader.key(*place): reader.read(*place) for place in places}


def write_tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))


def photo(number):
    return png_bytes(sample_views("test", number)["photo"])


def test_samples_become_what_files_of_their_names_become(call, map_dataset, tmp_path):
    (tmp_path / "in").mkdir()
    for key, files in samples(map_dataset, "test", "photo").items():
        (tmp_path / "in" / f"{key}.png").write_bytes(files["photo"])
    of_files, of_shards = call(tmp_path / "in"), call(map_dataset, out="shards")
    names = sorted(path.name for path in of_files.glob("*.png"))
    assert names == sorted(path.name for path in of_shards.glob("*.png"))
    assert len(names) == NUM_SAMPLES["test"]
    for name in names:
        assert (of_shards / name).read_bytes() == (of_files / name).read_bytes()
    of_all = call(map_dataset, "--split", "all", out="all")
    assert {path.name: len(list(path.iterdir())) for path in of_all.iterdir() if path.is_dir()} == NUM_SAMPLES


def test_a_data_set_gets_one_more_view(call, map_dataset, tmp_path, capsys):
    files = call(map_dataset, "--split", "all", out="files")
    out = call(map_dataset, "--split", "all", "--out-format", "shards")
    assert not list(verify(out, decode=True, workers=1))
    manifest = read_manifest(out)
    assert [*manifest.views] == ["photo", "map", "height", "translated_map"]
    assert manifest.views["translated_map"].renders_classes and manifest.classes
    for split, num in NUM_SAMPLES.items():
        made = samples(out, split, *manifest.views)
        assert len(made) == num
        for key, kept in samples(map_dataset, split, "photo", "map", "height").items():
            translation = made[key].pop("translated_map")
            assert made[key] == kept
            assert translation == (files / split / f"{key}.png").read_bytes()
    assert not (tmp_path / "out.translated").exists()
    capsys.readouterr()
    call(map_dataset, "--split", "all", "--out-format", "shards")
    assert "is there already" in capsys.readouterr().out
    with pytest.raises(DatasetError, match="holds another data set"):
        call(map_dataset, "--split", "test", "--out-format", "shards")


def test_tars_of_others_are_read_by_pattern_and_packed(call, tmp_path, capsys):
    write_tar(tmp_path / "s-08.tar", {"a/x.jpg": photo(0), "a/x.txt": b"words", "y.z.png": photo(1), "y.png.no": b"?"})
    write_tar(tmp_path / "s-09.tar", {"__key__": b"", "bad.png": b"no picture"})
    write_tar(tmp_path / "s-10.tar", {"last.png": photo(2)})
    with pytest.raises(ConfigError, match=r"view = None: .*s-09.tar, sample '__key__' has: ; name"):
        call(tmp_path / "s-{08..10}.tar")
    write_tar(tmp_path / "s-09.tar", {"bad.png": b"no picture"})
    call(tmp_path / "s-{08..10}.tar", expected=1)
    assert "s-09.tar, sample 'bad' cannot be read" in capsys.readouterr().out
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")}
    assert written == {"a/x.png", "y.png", "last.png"}
    call(tmp_path / "s-*.tar", "--out-format", "shards", out="set", expected=1)
    assert not (tmp_path / "set").exists()  # a sample is missing: it waits
    assert (tmp_path / "set.translated").exists()
    out = call(tmp_path / "s-*.tar", "--out-format", "shards", "--skip-bad", out="set")
    assert not list(verify(out, decode=True, workers=1))
    made = samples(out, "train", "original", "translated_map")
    assert sorted(made) == ["a%2Fx", "last", "y"]
    pixels = np.asarray(Image.open(io.BytesIO(made["last"]["original"])))
    np.testing.assert_array_equal(pixels, sample_views("test", 2)["photo"])
    assert "bad" in (out / "rejected.jsonl").read_text()


def test_what_does_not_fit_is_told(call, map_dataset, tmp_path):
    for flags, message in (
        (["--split", "all", "--view", "sea"], "view = 'sea': the data set has: height, map, photo"),
        (["--out-format", "shards", "--out-view", "map"], "out_view = 'map': is a view of the samples already"),
    ):
        with pytest.raises(ConfigError, match=message):
            call(map_dataset, *flags)
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "in" / "x.png")
    with pytest.raises(ConfigError, match=r"split = 'all': .* is no data set and no tar"):
        call(tmp_path / "in", "--split", "all")
    with pytest.raises(ConfigError, match="diptych shard pairs"):
        call(tmp_path / "in", "--out-format", "shards")
    (tmp_path / "x.tar").write_bytes(b"\1" * 2000)
    with pytest.raises(ConfigError, match=r"x\.tar.*is no tar, or is damaged"):
        call(tmp_path / "x.tar")
    write_tar(tmp_path / "x.tar", {"../x.png": photo(0)})
    with pytest.raises(ConfigError, match="would lie outside"):
        call(tmp_path / "x.tar")
    with pytest.raises(ConfigError, match="unpack it first"):
        call(tmp_path / "x.tar.gz")
    assert is_shards(map_dataset) and not is_shards(tmp_path / "in")
