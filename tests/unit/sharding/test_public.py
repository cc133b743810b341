"""Public data sets: fetched from a server on loopback with small archives of the same layout, and hostile ones."""

import io
import json
import stat
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from launch.commands.fetch import list_text, main
from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.public.archive import unpack
from sharding.public.sets import REFUSED, SETS
from sharding.storage import download, transfer
from tests.remote import Fault, serve
from trainer.config.errors import ConfigError
from trainer.presets import load_preset, preset_names

SIDE = 16


def jpeg(width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def write_facades(path):
    with tarfile.open(path, "w:gz") as tar:
        for number, split in enumerate(("train",) * 40 + ("val", "test")):
            member = tarfile.TarInfo(f"facades/{split}/{number}.jpg")
            content = jpeg(2 * SIDE, number)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def write_horses(path):
    with zipfile.ZipFile(path, "w") as archive:
        for folder in ("trainA", "trainB", "testA", "testB"):
            for number in range(2):
                archive.writestr(f"horse2zebra/{folder}/n{number}.jpg", jpeg(SIDE, number))


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", download.Patience(first_wait_s=0.01, longest_wait_s=0.02, total_s=0.1))
    transfer._backend.cache_clear()
    (tmp_path / "site").mkdir()
    with serve(tmp_path / "site") as running:
        yield running
    transfer._backend.cache_clear()


def fetch(site, folder, name, *flags):
    places = ["--out", str(folder / name), "--downloads", str(folder / "downloads")]
    return main([name, "--base-url", site.url.text, "--size", str(SIDE), *places, *flags])


def test_pairs_and_unpaired_sets_become_shards(site, tmp_path, capsys):
    write_facades(site.folder / "facades.tar.gz")
    write_horses(site.folder / "horse2zebra.zip")
    assert fetch(site, tmp_path, "facades") == 0
    assert fetch(site, tmp_path, "horse2zebra") == 0
    said = capsys.readouterr().out
    assert "licence: CMP facades" in said and "licence: from ImageNet" in said
    facades, horses = (read_manifest(tmp_path / name) for name in ("facades", "horse2zebra"))
    assert {split: facades.num_samples(split) for split in facades.splits} == {"train": 40, "val": 1, "test": 1}
    assert list(facades.views) == ["photo", "labels"]
    assert horses.kind == "unpaired" and horses.num_samples("train", "a") == 2
    kept = sorted(path.name for path in (tmp_path / "downloads").iterdir() if not path.name.startswith("."))
    assert kept == ["facades.tar.gz", "facades.tar.gz.json", "horse2zebra.zip", "horse2zebra.zip.json"]
    requests = len(site.requests)
    assert fetch(site, tmp_path, "facades") == 0
    assert len(site.requests) == requests  # nothing is asked for again


def test_a_fetch_goes_on_where_it_was_stopped(site, tmp_path):
    write_facades(site.folder / "facades.tar.gz")
    total = (site.folder / "facades.tar.gz").stat().st_size
    assert total > 8000
    site.faults["facades.tar.gz"] = [Fault(), Fault(cut_after=4000, stall_s=0.3), Fault(status=404)]
    with pytest.raises(DatasetError, match="404"):
        fetch(site, tmp_path, "facades")
    part = tmp_path / "downloads" / "facades.tar.gz.part"
    held = part.stat().st_size
    assert 0 < held < total
    site.requests.clear()
    assert fetch(site, tmp_path, "facades") == 0
    assert [start for path, start in site.requests if start] == [held]
    record = json.loads((tmp_path / "downloads" / "facades.tar.gz.json").read_text())
    assert record["num_bytes"] == total and not part.exists()


def test_a_wrong_checksum_and_a_changed_archive_are_refused(site, tmp_path):
    write_horses(site.folder / "horse2zebra.zip")
    with pytest.raises(DatasetError, match=r"has the SHA-256 [0-9a-f]{64}, and 0{64} was expected"):
        fetch(site, tmp_path, "horse2zebra", "--sha256", "0" * 64)
    assert not list((tmp_path / "downloads").glob("*.zip*"))
    assert fetch(site, tmp_path, "horse2zebra") == 0
    (tmp_path / "horse2zebra").rename(tmp_path / "other")
    with (tmp_path / "downloads" / "horse2zebra.zip").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DatasetError, match="was expected"):
        fetch(site, tmp_path, "horse2zebra")


def test_an_archive_of_something_else_is_told(site, tmp_path):
    with zipfile.ZipFile(site.folder / "horse2zebra.zip", "w") as archive:
        archive.writestr("readme.txt", "moved")
    with pytest.raises(DatasetError, match=r"holds no folder 'trainA', but readme\.txt"):
        fetch(site, tmp_path, "horse2zebra")
    (tmp_path / "downloads" / "horse2zebra.zip").write_bytes(b"<html>not found</html>")
    (tmp_path / "downloads" / "horse2zebra.zip.json").unlink()
    with pytest.raises(DatasetError, match="is no archive, or is damaged"):
        fetch(site, tmp_path, "horse2zebra")


def hostile_tar(path, kind):
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo({"above": "a/../../x", "absolute": "/tmp/x"}.get(kind, "x"))
        if kind in ("symlink", "hardlink", "fifo"):
            member.type = {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE}[kind]
            member.linkname = "/etc/passwd"
        tar.addfile(member, io.BytesIO(b""))
        if kind == "twice":
            tar.addfile(member, io.BytesIO(b""))


HOSTILE = {
    "above": "outside its folder",
    "absolute": "outside its folder",
    "symlink": "is a link or a device",
    "hardlink": "is a link or a device",
    "fifo": "is a link or a device",
    "twice": "holds 'x' twice",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_tars_are_refused(tmp_path, kind):
    hostile_tar(tmp_path / "x.tar", kind)
    (tmp_path / "out").mkdir()
    with pytest.raises(DatasetError, match=HOSTILE[kind]):
        unpack(tmp_path / "x.tar", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"x.tar", "out"}
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_hostile_zips_are_refused(tmp_path):
    (tmp_path / "out").mkdir()
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for info, content, message in (
        (link, b"/etc/passwd", "is a link or a device"),
        (zipfile.ZipInfo("../x"), b"x", "outside its folder"),
        (zipfile.ZipInfo("bomb"), bytes(2**25), "more than 10 times its size"),
    ):
        with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED)
        with pytest.raises(DatasetError, match=message):
            unpack(tmp_path / "x.zip", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "x.zip"}


def test_names_are_answered():
    with pytest.raises(ConfigError, match=r"needs a licence of its owners"):
        main(["cityscapes"])
    with pytest.raises(ConfigError, match=r"there are: facades, maps"):
        main(["fasades"])
    assert len(list_text().splitlines()) == len(SETS) and "cityscapes" in REFUSED


def test_each_set_has_a_preset_that_finds_it():
    wanted = {str(load_preset(name).data.path): name for name in preset_names() if name.startswith("papers-")}
    for public in SETS.values():
        data = load_preset(wanted[f"data/{public.name}"]).data
        assert {data.view_a, data.view_b} == set(public.views)
        assert data.load_size == public.size
