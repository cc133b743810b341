from pathlib import Path

import pytest

from tests.unit.data.tiny_shards import write_noisy_dataset, write_unpaired_dataset


@pytest.fixture(scope="session")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `write_noisy_dataset`. Read it, never write."""
    folder = tmp_path_factory.mktemp("noisy")
    write_noisy_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def unpaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `write_unpaired_dataset`. Read it, never write."""
    folder = tmp_path_factory.mktemp("unpaired")
    write_unpaired_dataset(folder)
    return folder


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Another such folder, to be damaged."""
    write_noisy_dataset(tmp_path)
    return tmp_path
