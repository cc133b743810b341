"""What is made of a data set is kept in the machine's cache: made once, checked when read, gone when room is needed."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sharding.errors import DatasetError
from sharding.storage.cache import Cache
from sharding.storage.made import made_file


def make(cache: Cache, made_of: str, content: bytes | None = None, *, most: int = 100) -> bytes | None:
    """What is kept; if nothing is, `content` is, from then on."""
    with made_file(cache, made_of=made_of, most=most) as file:
        found = file.read()
        if found is None and content is not None:
            file.write(content)
        return found


def kept(cache: Cache) -> list[Path]:
    return sorted(path for path in cache.folder.iterdir() if len(path.name) == 64)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", max_bytes=500)


def test_a_file_is_found_by_what_it_was_made_of(cache: Cache):
    assert make(cache, "a", b"of a") is None
    assert make(cache, "b", b"of b") is None
    assert (make(cache, "a"), make(cache, "b"), make(cache, "c")) == (b"of a", b"of b", None)


@pytest.mark.parametrize("damage", [b"", b"of a", bytes(32) + b"of a", b"x" * 10**6])
def test_whatever_else_lies_there_is_made_anew(cache: Cache, damage: bytes):
    make(cache, "a", b"of a")
    (file,) = kept(cache)
    file.write_bytes(damage)
    assert make(cache, "a", b"of a") is None
    assert make(cache, "a") == b"of a"


def test_a_flipped_bit_is_noticed_and_a_link_is_not_followed(cache: Cache, tmp_path: Path):
    make(cache, "a", b"of a")
    (file,) = kept(cache)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert make(cache, "a") is None
    (tmp_path / "elsewhere").write_bytes(whole)
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    assert make(cache, "a") is None


def test_one_larger_than_asked_for_is_not_read(cache: Cache):
    make(cache, "a", b"x" * 50)
    assert make(cache, "a", most=49) is None
    assert make(cache, "a", most=50) == b"x" * 50


def test_the_bound_of_the_cache_holds(cache: Cache):
    for name in "abcdefgh":
        make(cache, name, name.encode() * 100)
    assert sum(path.stat().st_size for path in kept(cache)) <= 500
    assert make(cache, "h") == b"h" * 100
    assert make(cache, "a") is None
    assert make(Cache(cache.folder, max_bytes=10), "z", b"z" * 50) is None  # which has no place for it
    assert make(cache, "z") is None


def test_those_who_want_one_at_a_time_make_it_once(cache: Cache):
    made = []

    def want(number: int) -> bytes:
        with made_file(cache, made_of="a", most=100) as file:
            content = file.read()
            if content is None:
                time.sleep(0.05)
                made.append(number)
                file.write(content := b"of a")
            return content

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(want, range(4))] == [b"of a"] * 4
    assert len(made) == 1


def test_a_folder_of_something_else_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DatasetError, match="is no cache"), made_file(Cache(tmp_path, 500), made_of="a", most=9):
        pass
