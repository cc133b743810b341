"""The cache: each file is fetched once, kept whole, and leaves in time."""

import contextlib
import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharding.errors import DatasetError
from sharding.storage import download, remote_file
from sharding.storage.cache import Cache
from sharding.storage.cache_folder import MARKER
from sharding.storage.download import MissingError, RemoteError, StoppedError
from sharding.storage.remote_file import RemoteFile
from tests.remote import Fault

ROOT = Path(__file__).resolve().parents[3]


def put(site, name, num_bytes, *, seed=0):
    content = random.Random(seed + num_bytes).randbytes(num_bytes)
    (site.folder / name).write_bytes(content)
    return RemoteFile(url=site.url / name, sha256=hashlib.sha256(content).hexdigest(), num_bytes=num_bytes)


def read(cache, file):
    descriptor = cache.open(file)
    try:
        return os.pread(descriptor, file.num_bytes + 1, 0)
    finally:
        os.close(descriptor)


def content(site, file):
    return (site.folder / str(file.url).rpartition("/")[2]).read_bytes()


def kept(cache):
    """Names of the files that are kept; nothing else lies there, but for the lock of room and the marker."""
    names = {path.name for path in cache.folder.iterdir()} - {"room.lock", MARKER}
    assert all(len(name) == 64 for name in names), names
    return names


def open_elsewhere(cache, file):
    """A process that opens the file, and prints `opened`."""
    code = (
        "from pathlib import Path; from sharding.storage.cache import Cache, RemoteFile\n"
        "from sharding.storage.place import Url\n"
        f"file = RemoteFile(url=Url('{file.url}'), sha256='{file.sha256}', num_bytes={file.num_bytes})\n"
        f"Cache(Path('{cache.folder}'), {cache.max_bytes}).open(file); print('opened')"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_file_is_fetched_once_and_known_by_its_content(site, cache):
    file = put(site, "a.tar", 1000)
    same = RemoteFile(url=site.url / "elsewhere.tar", sha256=file.sha256, num_bytes=1000)
    for each in (file, file, same):
        assert read(cache, each) == content(site, file)
    assert site.requests == [("a.tar", 0)]
    assert kept(cache) == {file.sha256}


def test_threads_fetch_a_file_once(site, cache):
    file = put(site, "a.tar", 200_000)
    site.delay_s = 0.2
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: read(cache, file), range(8))) == {content(site, file)}
    assert site.count("a.tar") == 1


def test_processes_fetch_a_file_once(site, cache):
    file = put(site, "a.tar", 200_000)
    site.delay_s = 0.8  # longer than one of them may be ahead of the other
    processes = [open_elsewhere(cache, file) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["opened\n"] * 3
    assert site.count("a.tar") == 1
    assert kept(cache) == {file.sha256}


def test_a_process_killed_on_the_way_leaves_nothing_broken(site, cache):
    file, other = put(site, "a.tar", 500_000), put(site, "b.tar", 1000)
    site.fail("a.tar", Fault(stall_s=30))
    process = open_elsewhere(cache, file)
    part = cache.folder / f"{file.sha256}.part"
    until = time.monotonic() + 30
    while not (part.exists() and part.read_bytes()[:1000] == content(site, file)[:1000]):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert part.stat().st_size == file.num_bytes
    assert read(cache, other) == content(site, other)
    assert kept(cache) == {other.sha256}  # what the killed one left is gone
    assert read(cache, file) == content(site, file)
    assert kept(cache) == {file.sha256, other.sha256}


def test_what_another_process_fetches_is_not_waited_for_ahead_of_time(site, cache):
    file = put(site, "a.tar", 1000)
    site.opened.clear()
    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(read, cache, file)
        while not site.num_in_hand:
            time.sleep(0.01)
        pool.submit(cache.prefetch, file, stop=threading.Event()).result(timeout=20)
        site.opened.set()
        assert reading.result() == content(site, file)
    assert site.count("a.tar") == 1


def test_fetching_ahead_stops_when_told_and_leaves_nothing(site, cache):
    file = put(site, "a.tar", 1000)
    site.fail("a.tar", *[Fault(status=503)] * 100)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StoppedError):
        cache.prefetch(file, stop=stop)
    assert kept(cache) == set()


def test_what_failed_ahead_of_time_while_it_was_waited_for_is_not_tried_all_over(site, cache):
    file = put(site, "a.tar", 1000)
    site.fail("a.tar", *[Fault(status=503)] * 1000)
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(cache.prefetch, file, stop=threading.Event())
        while not site.requests:
            time.sleep(0.001)
        with pytest.raises(RemoteError, match=r"a\.tar could not be read"):
            cache.open(file)
        assert isinstance(ahead.exception(), RemoteError)
        num_requests = len(site.requests)
        time.sleep(0.1)
        assert len(site.requests) == num_requests
    site.faults.clear()
    assert read(cache, file) == content(site, file)  # who comes later tries again


def test_the_file_that_was_not_opened_for_longest_goes_first(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=3000)
    a, b, c, d = (put(site, f"{name}.tar", 1000, seed=place) for place, name in enumerate("abcd"))
    for file in (a, b, c, a, d):
        read(cache, file)
    assert kept(cache) == {a.sha256, c.sha256, d.sha256}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(opened=st.lists(st.integers(0, 5), max_size=15), max_bytes=st.integers(1000, 4000))
def test_the_bound_and_the_order_of_leaving_hold_for_any_use(site, tmp_path_factory, opened, max_bytes):
    cache = Cache(tmp_path_factory.mktemp("cache"), max_bytes)
    files = [put(site, f"{size}.tar", size) for size in (100, 300, 450, 700, 990, 1000)]
    model: OrderedDict[str, int] = OrderedDict()
    for number in opened:
        file = files[number]
        assert read(cache, file) == content(site, file)
        if file.sha256 not in model:
            while sum(model.values()) + file.num_bytes > max_bytes:
                model.popitem(last=False)
        model[file.sha256] = file.num_bytes
        model.move_to_end(file.sha256)
        assert kept(cache) == set(model)
        assert sum((cache.folder / name).stat().st_size for name in kept(cache)) <= max_bytes


def test_a_file_is_read_on_although_it_left(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=1000)
    a, b = put(site, "a.tar", 1000, seed=1), put(site, "b.tar", 1000, seed=2)
    descriptor = cache.open(a)
    read(cache, b)
    assert kept(cache) == {b.sha256}
    assert os.pread(descriptor, 1000, 0) == content(site, a)
    os.close(descriptor)


def test_room_that_others_are_about_to_fill_is_not_given_twice(site, tmp_path):
    """Two files that fit one at a time only: the second waits for the first, which then leaves."""
    cache = Cache(tmp_path / "cache", max_bytes=1500)
    files = [put(site, f"{name}.tar", 1000, seed=place) for place, name in enumerate("ab")]
    site.delay_s = 0.2
    sizes, done = [], threading.Event()

    def taken():
        """What is there counts once, also while it gets its name."""
        found = {}
        for path in cache.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                state = path.stat()
                found[state.st_ino] = state.st_size if len(path.stem) == 64 else 0
        return sum(found.values())

    def watch():
        while not done.is_set():
            with FileLock(cache.folder / "room.lock", thread_local=False):
                sizes.append(taken())
            time.sleep(0.01)

    cache.folder.mkdir()
    with ThreadPoolExecutor(3) as pool:
        watching = pool.submit(watch)
        contents = list(pool.map(lambda file: read(cache, file), files))
        done.set()
        watching.result()
    assert contents == [content(site, file) for file in files]
    sizes.append(taken())  # on a busy machine the watcher may have slept through all of it
    assert max(sizes) == 1000


def test_a_file_larger_than_the_cache_names_both_sizes(site, tmp_path):
    file = put(site, "a.tar", 1001)
    with pytest.raises(DatasetError, match=r"a\.tar has 1001 bytes, and the cache .* may hold 1000\. Raise --data"):
        read(Cache(tmp_path / "cache", max_bytes=1000), file)
    assert site.requests == []


def full_disk(monkeypatch, cache, room):
    """A disk with so many bytes: a real one that is full needs rights that tests do not have."""
    allocate = os.posix_fallocate

    def limited(descriptor, offset, length):
        taken = sum(path.stat().st_size for path in cache.folder.iterdir())
        if taken + length > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocate(descriptor, offset, length)

    monkeypatch.setattr(os, "posix_fallocate", limited)


def test_on_a_full_disk_old_files_leave_before_the_bound_is_reached(site, cache, monkeypatch):
    full_disk(monkeypatch, cache, 2500)
    a, b, c = (put(site, f"{name}.tar", 1000, seed=place) for place, name in enumerate("abc"))
    for file in (a, b, c):
        assert read(cache, file) == content(site, file)
    assert kept(cache) == {b.sha256, c.sha256}


def test_a_full_disk_is_named_and_nothing_is_left(site, cache, monkeypatch):
    full_disk(monkeypatch, cache, 900)
    file = put(site, "a.tar", 1000)
    with pytest.raises(DatasetError, match=r"a\.tar cannot be kept in the cache .* \(No space left on device\)"):
        read(cache, file)
    assert kept(cache) == set()


def test_a_cache_that_cannot_be_written_is_named(site, tmp_path):
    (tmp_path / "taken").write_text("")
    file = put(site, "a.tar", 1000)
    with pytest.raises(DatasetError, match=r"cannot be kept in the cache .*taken.*DIPTYCH_CACHE"):
        read(Cache(tmp_path / "taken", 10**6), file)


def test_wrong_bytes_are_fetched_once_more(site, cache):
    file = put(site, "a.tar", 1000)
    site.fail("a.tar", Fault(flip=True))
    assert read(cache, file) == content(site, file)
    assert site.count("a.tar") == 2


@pytest.mark.parametrize("change", [b"\0" * 1000, b"\0" * 900, b"\0" * 1100], ids=["other", "shorter", "longer"])
def test_wrong_bytes_that_last_name_the_file(site, cache, change):
    file = put(site, "a.tar", 1000)
    (site.folder / "a.tar").write_bytes(change)
    with pytest.raises(RemoteError, match=r"a\.tar is not the file that the manifest lists.*shard verify"):
        read(cache, file)
    assert kept(cache) == set()


def test_a_longer_file_that_becomes_right_is_cut_to_its_size(site, cache):
    file = put(site, "a.tar", 1000)
    site.fail("a.tar", Fault(append=b"more"))
    assert read(cache, file) == content(site, file)
    assert site.count("a.tar") == 2


def test_a_kept_file_that_somebody_cut_is_fetched_anew(site, cache):
    file = put(site, "a.tar", 1000)
    read(cache, file)
    os.truncate(cache.folder / file.sha256, 10)
    assert read(cache, file) == content(site, file)


def test_small_files_are_fetched_at_once_and_once(site, cache, monkeypatch):
    monkeypatch.setattr(remote_file, "SMALL_AT_ONCE", 20)
    files = [put(site, f"{number}.idx", 100 + number) for number in range(50)]
    site.delay_s = 0.2
    for _ in range(2):
        assert list(cache.read_small(files)) == [content(site, file) for file in files]
    assert 1 < site.most_at_once <= 20
    assert len(site.requests) == 50
    assert kept(cache) == {file.sha256 for file in files}


def test_a_small_file_is_checked_whenever_it_is_read(site, cache):
    files = [put(site, f"{number}.idx", 100 + number) for number in range(3)]
    list(cache.read_small(files))
    (cache.folder / files[1].sha256).write_bytes(b"x" * 101)
    assert list(cache.read_small(files)) == [content(site, file) for file in files]
    assert site.count("1.idx") == 2
    (cache.folder / files[1].sha256).unlink()
    (site.folder / "1.idx").write_bytes(b"x" * 101)
    with pytest.raises(RemoteError, match=r"1\.idx is not the file that the manifest lists"):
        list(cache.read_small(files))


def test_a_missing_small_file_is_named_at_once(site, cache, monkeypatch):
    patience = download.Patience(first_wait_s=0.01, longest_wait_s=0.05, total_s=300)
    monkeypatch.setattr(download, "PATIENCE", patience)
    files = [put(site, f"{number}.idx", 100 + number) for number in range(100)]
    (site.folder / "50.idx").unlink()
    for number in range(40):  # others are in trouble at the same time, and are not waited for
        site.fail(f"/{number}.idx", *[Fault(status=503)] * 10_000)
    began = time.monotonic()
    with pytest.raises(MissingError):
        list(cache.read_small(files))
    assert time.monotonic() - began < 60  # and not 300 s


def test_small_files_keep_to_the_bound(site, tmp_path):
    cache = Cache(tmp_path / "cache", max_bytes=1000)
    shard = put(site, "a.tar", 800)
    read(cache, shard)
    files = [put(site, f"{number}.idx", 100 + number) for number in range(5)]
    assert list(cache.read_small(files)) == [content(site, file) for file in files]
    assert kept(cache) == {file.sha256 for file in files}
    with pytest.raises(DatasetError, match=r"may hold 400\. Raise --data\.cache-gb"):
        list(Cache(tmp_path / "tiny", max_bytes=400).read_small(files))
