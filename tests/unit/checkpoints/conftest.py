from collections.abc import Iterator
from pathlib import Path

import pytest

from sharding.storage import download, transfer, upload
from tests.store import BUCKET, Store, serve_store
from trainer.runs.rundir import RunDir


@pytest.fixture(scope="module")
def served() -> Iterator[Store]:
    with serve_store() as store:
        yield store


@pytest.fixture
def store(served: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Empty, with little patience for it."""
    monkeypatch.setattr(download, "PATIENCE", download.Patience(first_wait_s=0.01, longest_wait_s=0.05, total_s=0.5))
    monkeypatch.setattr(upload, "BLOCK_S", 1.0)
    monkeypatch.setattr(transfer, "STALL_S", 1.0)
    transfer._backend.cache_clear()
    yield served
    transfer._backend.cache_clear()
    served.doors.clear()
    served.requests.clear()
    if served.names():
        served.files.rm(BUCKET, recursive=True)
        served.files.mkdir(BUCKET)


@pytest.fixture
def run(tiny_run: RunDir, tmp_path: Path) -> RunDir:
    """A run without checkpoints."""
    run = RunDir(tmp_path / "ada")
    run.checkpoints.mkdir(parents=True)
    run.run_file.write_bytes(tiny_run.run_file.read_bytes())
    run.metrics_file.write_text('{"position": 8}\n')
    return run
