"""Fixtures around the run that `tests/tiny_run.py` writes by hand."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from tests.unit.labelled import write_labelled_dataset
from trainer.runs.rundir import RunDir

# A busy machine is no failure, and a change fails its own tests, not those of a later one that drew other examples.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def map_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set of photos and maps. Read it, never write."""
    folder = tmp_path_factory.mktemp("maps")
    write_map_dataset(folder)
    return folder


@pytest.fixture
def tiny_run(tmp_path: Path, map_dataset: Path) -> RunDir:
    """A run photo -> map with a checkpoint, to write to at will."""
    run = RunDir(tmp_path / "runs" / "tiny")
    write_tiny_run(run, tiny_config(map_dataset))
    return run


@pytest.fixture(scope="session")
def labelled_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `write_labelled_dataset`. Read it, never write."""
    folder = tmp_path_factory.mktemp("labelled")
    write_labelled_dataset(folder)
    return folder
