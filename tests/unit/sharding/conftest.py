"""Small image folders, and the command line under test."""

from pathlib import Path

import pytest

from sharding.cli import main
from tests.pairs import write_pairs
from tests.unit.sharding.files import Run, save_label, save_photo


@pytest.fixture
def shard(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `diptych shard <arguments>`; gives its exit code and all that it said."""

    def run(*arguments: object) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve side-by-side pairs of 2 x 32 pixels."""
    write_pairs(tmp_path / "pairs", num_pairs=12, size=32)
    return tmp_path / "pairs"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Twelve photos (JPEG, 32 x 24) and labels (PNG with a palette: 0 red, 1 blue, 255 black = none)."""
    photos, labels = tmp_path / "photo", tmp_path / "label"
    for folder in (photos, labels):
        folder.mkdir()
    for index in range(12):
        save_photo(photos / f"{index:02d}.jpg", seed=index)
        save_label(labels / f"{index:02d}.png", seed=index)
    return photos, labels
