"""study.json is read as it was written, or refused with a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.study.studies import design
from trainer.config.errors import ConfigError
from trainer.study.design import FILE_NAME, read_design, write_design


def test_a_design_comes_back_as_it_was(tmp_path: Path) -> None:
    made = design(completion_code="C0FFEE", most_participants=50)
    write_design(tmp_path, made)
    assert read_design(tmp_path) == made


def test_of_a_folder_without_a_study_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="diptych study create"):
        read_design(tmp_path)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"images": {"a": {"truth": "../../etc/passwd"}}}, "images.a.truth"),
        ({"checks": {"a": "/etc/passwd"}}, "checks.a"),
        ({"protocol": "guess"}, "protocol"),
        ({"exposure_ms": 0}, "exposure_ms"),
        ({"num_counted": "40"}, "num_counted"),
        ({"format": 99}, "update Diptych"),
    ],
)
def test_what_does_not_belong_there_is_named(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    write_design(tmp_path, design())
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(ConfigError, match=named):
        read_design(tmp_path)
