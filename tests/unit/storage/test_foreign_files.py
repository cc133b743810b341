"""Files of the user's that are not the cache's: a manifest cannot name them, and a wrong folder does not lose them."""

import os

import pytest

from sharding.errors import DatasetError
from sharding.storage.cache import Cache, RemoteFile
from sharding.storage.cache_folder import MARKER
from tests.remote import Fault
from tests.unit.sharding.files import contents
from tests.unit.storage.test_cache import kept, put, read


@pytest.mark.parametrize(
    "sha256", ["{tmp}/thesis", "../thesis", "", "A" * 64, "0" * 64 + "\n", "0" * 63, "\u0660" * 64, None, 7]
)
def test_a_checksum_that_is_none_is_refused_by_name(site, tmp_path, sha256):
    text = sha256.format(tmp=tmp_path) if isinstance(sha256, str) else sha256
    with pytest.raises(DatasetError, match=rf"{site.url}/a\.tar: the manifest gives it the checksum .*64 hex digits"):
        RemoteFile(url=site.url / "a.tar", sha256=text, num_bytes=5)


@pytest.mark.parametrize("num_bytes", [-1, 1.5, True, None])
def test_a_size_that_is_none_is_refused_by_name(site, num_bytes):
    with pytest.raises(DatasetError, match=r"a\.tar: the manifest gives it the size .*0 bytes or more"):
        RemoteFile(url=site.url / "a.tar", sha256="0" * 64, num_bytes=num_bytes)


@pytest.mark.parametrize("names", [["id_ed25519", "authorized_keys"], ["0" * 64], ["room.lock", "notes"], ["a/b"]])
def test_a_folder_of_something_else_is_no_cache_and_loses_nothing(site, tmp_path, names):
    folder = tmp_path / "own"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(600))
    before = contents(folder)
    cache = Cache(folder, max_bytes=1000)
    file = put(site, "a.tar", 900)
    with pytest.raises(DatasetError, match=r"own is no cache: it holds .*Name a folder that is new or empty"):
        read(cache, file)
    with pytest.raises(DatasetError, match="is no cache"):
        list(cache.read_small([file]))
    assert contents(folder) == before
    assert site.requests == []


def test_a_new_cache_is_marked_and_its_user_s_alone(site, tmp_path):
    cache = Cache(tmp_path / "new" / "cache", max_bytes=1000)
    read(cache, put(site, "a.tar", 900))
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    first, second = (cache.folder / MARKER).read_text().splitlines()
    assert first == "Signature: 8a477f597d28d172789f06886806bc55"
    assert "diptych" in second


def test_the_cache_of_an_earlier_version_goes_on(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=1000)
    file = put(site, "a.tar", 900)
    read(cache, file)
    (cache.folder / MARKER).unlink()
    assert (cache.folder / "room.lock").exists()
    read(cache, file)
    assert site.count("a.tar") == 1
    assert (cache.folder / MARKER).exists()


def test_what_lies_beside_in_a_cache_neither_counts_nor_leaves(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=1000)
    a, b = put(site, "a.tar", 900, seed=1), put(site, "b.tar", 900, seed=2)
    read(cache, a)
    others = {"thesis": b"x" * 5000, "0" * 63: b"y", "F" * 64: b"z", "thesis.part": b"w", "a.lock": b"v"}
    for name, content in others.items():
        (cache.folder / name).write_bytes(content)
    read(cache, b)
    assert contents(cache.folder).items() >= others.items()
    assert not (cache.folder / a.sha256).exists()
    assert (cache.folder / b.sha256).exists()


def test_links_in_a_cache_are_not_followed(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=10_000)
    a, b, c = (put(site, f"{name}.tar", 900, seed=place) for place, name in enumerate("abc"))
    read(cache, c)
    own = tmp_path / "own"
    own.write_bytes(b"years of work")
    for name in (a.sha256, f"{a.sha256}.part", f"{b.sha256}.part", b.sha256):
        (cache.folder / name).symlink_to(own)
    assert read(cache, a) == (site.folder / "a.tar").read_bytes()
    assert list(cache.read_small([b])) == [(site.folder / "b.tar").read_bytes()]
    assert own.read_bytes() == b"years of work"
    assert not (cache.folder / a.sha256).is_symlink()


def test_a_lock_that_is_a_link_is_an_error(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=10_000)
    read(cache, put(site, "a.tar", 900))
    own = tmp_path / "own"
    own.write_bytes(b"years of work")
    (cache.folder / "room.lock").unlink()
    (cache.folder / "room.lock").symlink_to(own)
    with pytest.raises(DatasetError, match="cannot be kept in the cache"):
        read(cache, put(site, "b.tar", 901))
    assert own.read_bytes() == b"years of work"


def test_a_pipe_in_a_cache_is_not_waited_for(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=10_000)
    a, b = put(site, "a.tar", 900, seed=1), put(site, "b.tar", 900, seed=2)
    read(cache, a)
    os.mkfifo(cache.folder / b.sha256)
    assert read(cache, b) == (site.folder / "b.tar").read_bytes()
    assert kept(cache) == {a.sha256, b.sha256}


def test_a_size_beyond_the_cache_is_refused_before_anything_leaves(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=1000)
    a = put(site, "a.tar", 900)
    read(cache, a)
    site.fail("b.tar", Fault(announce=49 * 10**9))
    with pytest.raises(DatasetError, match=r"b\.tar has 49000000000 bytes, and the cache .* may hold 1000"):
        read(cache, RemoteFile(url=site.url / "b.tar", sha256="0" * 64, num_bytes=49 * 10**9))
    assert kept(cache) == {a.sha256}
    assert site.count("b.tar") == 0
