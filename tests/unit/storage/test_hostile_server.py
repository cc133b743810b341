"""A web server that means harm, or a careless one: each answer is bounded, and ends with an error that says how."""

import gzip
import io
import time
from pathlib import Path

import pytest

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.storage import download as download_module
from sharding.storage.cache import Cache
from sharding.storage.download import RemoteError, download, read_small
from sharding.storage.place import Url, masked
from sharding.storage.transfer import TransferError
from tests.remote import Fault, serve
from tests.unit.storage.test_cache import kept, put, read

MANIFEST = "dataset.json"


def always(fault: Fault) -> list[Fault]:
    return [fault] * 100


PACKED = gzip.compress(bytes(20 * 2**20))


def test_an_endless_manifest_is_an_error_that_names_the_bound(site):
    (site.folder / MANIFEST).write_bytes(b"{}")
    site.fail(MANIFEST, *always(Fault(endless=True)))
    with pytest.raises(DatasetError, match=rf"{site.url}/dataset\.json has more than 67108864 bytes, the most"):
        read_manifest(site.url)
    assert site.num_sent < 100 * 2**20


def test_an_endless_index_is_an_error_that_names_the_bound(site, cache):
    file = put(site, "a.idx", 100)
    site.fail("a.idx", *always(Fault(endless=True)))
    with pytest.raises(RemoteError, match=r"a\.idx has more than 100 bytes"):
        list(cache.read_small([file]))


def test_what_is_sent_packed_unasked_is_not_unpacked(site):
    (site.folder / MANIFEST).write_bytes(PACKED)
    site.fail(MANIFEST, *always(Fault(encoding="gzip")))
    with pytest.raises(DatasetError, match=r"dataset\.json cannot be read \(it is sent packed \(gzip\), which was not"):
        read_manifest(site.url)


def test_an_object_that_a_store_sends_packed_is_not_unpacked(site, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{site.port}")
    (site.folder / MANIFEST).write_bytes(PACKED)
    site.fail(MANIFEST, *always(Fault(encoding="gzip")))
    with pytest.raises(DatasetError, match=r"dataset\.json cannot be read \(it is sent packed \(gzip\)"):
        read_manifest(Url("gs://set"))


def test_a_byte_now_and_then_is_not_waited_for_without_end(site):
    (site.folder / MANIFEST).write_bytes(bytes(10_000))
    site.fail(MANIFEST, *always(Fault(drip_s=0.02)))
    began = time.monotonic()
    with pytest.raises(DatasetError, match=r"could not be read: \d tries .* only \d+ bytes in \d s"):
        read_manifest(site.url)
    assert time.monotonic() - began < 60  # and not 200 s


def test_a_shard_that_comes_a_byte_now_and_then_is_given_up(site):
    (site.folder / "a.tar").write_bytes(bytes(100_000))
    site.fail("a.tar", *always(Fault(drip_s=0.02)))
    with pytest.raises(RemoteError, match=r"could not be read: \d tries .* only \d+ bytes in \d s"):
        download(site.url / "a.tar", io.BytesIO(), num_bytes=100_000)


def test_a_small_file_has_a_longest_time(site, monkeypatch):
    monkeypatch.setattr(download_module, "SMALL_S", 0.3)
    (site.folder / MANIFEST).write_bytes(bytes(10_000))
    site.fail(MANIFEST, *always(Fault(drip_s=0.0005)))
    with pytest.raises(RemoteError, match=r"did not arrive within 0 s: only \d+ bytes"):
        read_small(site.url / MANIFEST)


@pytest.fixture
def elsewhere(tmp_path: Path):
    """Another server, by another name of this machine, whose password stands in ~/.netrc."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / MANIFEST).write_bytes(b"secret")
    with serve(folder) as other:
        yield other


@pytest.fixture
def passwords(tmp_path, monkeypatch):
    file = tmp_path / "netrc"
    file.write_text("machine localhost login ada password secret\nmachine 127.0.0.1 login bob password word\n")
    monkeypatch.setenv("NETRC", str(file))


def test_a_redirect_to_another_host_is_not_followed_and_no_password_sent(site, elsewhere, passwords):
    site.fail(MANIFEST, Fault(redirect=f"http://localhost:{elsewhere.port}/set/{MANIFEST}"))
    there = rf"http://localhost:{elsewhere.port}"
    with pytest.raises(RemoteError, match=rf"redirects from http://127\.0\.0\.1:{site.port} to {there}, another host"):
        read_small(site.url / MANIFEST)
    assert (elsewhere.requests, elsewhere.passwords) == ([], [])


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/set/dataset.json", "//localhost:{port}/x", "file:///etc"])
def test_a_redirect_to_another_port_or_scheme_is_not_followed(site, elsewhere, target):
    site.fail(MANIFEST, Fault(redirect=target.format(port=elsewhere.port)))
    with pytest.raises(RemoteError, match=r"redirects .*(not followed|no address)"):
        read_small(site.url / MANIFEST)
    assert elsewhere.requests == []


def test_a_redirect_on_the_same_host_is_followed_a_few_times(site, passwords):
    (site.folder / "moved.json").write_bytes(b"here")
    site.fail(MANIFEST, Fault(redirect="/set/moved.json"))
    assert read_small(site.url / MANIFEST) == b"here"
    assert len(site.passwords) == 2  # its own
    site.fail(MANIFEST, *always(Fault(redirect=f"/set/{MANIFEST}")))
    with pytest.raises(RemoteError, match="redirects more than 5 times"):
        read_small(site.url / MANIFEST)


def test_nothing_leaves_the_cache_for_a_size_that_the_server_does_not_have(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=3000)
    files = [put(site, f"{name}.tar", 1000, seed=place) for place, name in enumerate("abc")]
    for file in files:
        read(cache, file)
    huge = put(site, "huge.tar", 2900)
    (site.folder / "huge.tar").write_bytes(b"small")
    with pytest.raises(RemoteError, match=r"huge\.tar is not the file that the manifest lists \(SHA-256 or size"):
        read(cache, huge)
    assert kept(cache) == {file.sha256 for file in files}
    site.fail("huge.tar", Fault(announce=-1))
    with pytest.raises(RemoteError, match=r"huge\.tar is sent without its size"):
        read(cache, huge)
    assert kept(cache) == {file.sha256 for file in files}


def test_room_is_made_for_objects_of_each_store(site, tmp_path, monkeypatch):
    """What was said of the size of one of Google's: S3 has a test of its own, with moto."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{site.port}")
    cache = Cache(tmp_path / "cache", max_bytes=1000)
    file = put(site, "a.tar", 900)
    assert read(cache, type(file)(url=Url("gs://set/a.tar"), sha256=file.sha256, num_bytes=900))
    with pytest.raises(RemoteError, match="SHA-256 or size differs"):
        read(cache, type(file)(url=Url("gs://set/a.tar"), sha256="0" * 64, num_bytes=800))
    assert kept(cache) == {file.sha256}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "could not connect to https://host/a?X-Amz-Signature=abc&x=1 (gone)",
            "could not connect to https://host/a?*** (gone)",
        ),
        ("http://ada:secret@host/x", "http://***@host/x"),
        ("http:/ada:secret@host/x", "http:/***@host/x"),
    ],
)
def test_passwords_and_signatures_are_masked(text, shown):
    assert masked(text) == shown
    assert str(TransferError(text, is_lasting=True)) == shown


def test_an_address_with_a_password_is_refused_without_showing_it():
    with pytest.raises(DatasetError) as caught:
        read_manifest(Url("http://ada:secret@127.0.0.1:9/set"))
    assert "secret" not in str(caught.value) + repr(caught.value)
    assert "***@127.0.0.1:9/set" in str(caught.value)
    assert "secret" not in repr(Url("http://ada:secret@host"))
