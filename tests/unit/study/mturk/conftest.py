from pathlib import Path

import pytest

from tests.unit.study.made import study_with_checks, write_study


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder of the study of `study_with_checks`."""
    folder, design = tmp_path / "study", study_with_checks()
    write_study(folder, design, None)
    for file in design.checks.values():
        (folder / "images" / file).write_bytes(b"pieces")
    return folder
