from collections.abc import Iterator
from pathlib import Path

import pytest

from sharding.storage import download, transfer
from sharding.storage.cache import Cache
from tests.remote import Site, serve


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short waits; and file systems that know of them, and of the environment of this test."""
    patience = download.Patience(first_wait_s=0.01, longest_wait_s=0.05, total_s=0.6)
    monkeypatch.setattr(download, "PATIENCE", patience)
    monkeypatch.setattr(transfer, "STALL_S", 1.0)
    transfer._backend.cache_clear()
    yield
    transfer._backend.cache_clear()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty folder, served."""
    folder = tmp_path / "site"
    folder.mkdir()
    with serve(folder) as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", max_bytes=10**9)
