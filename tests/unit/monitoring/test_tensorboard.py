"""TensorBoard that fails is told once, and a stranger's run leads nowhere."""

from pathlib import Path
from typing import Any

import pytest

from trainer.config.errors import ConfigError
from trainer.monitoring.tensorboard import FOLDER, TensorboardLogger


def logger_of(folder: Path, **changes: Any) -> TensorboardLogger:
    empty: dict[str, Any] = {"position": 0, "values": {}, "history": [], "grids": {}, "began": 0.0}
    return TensorboardLogger(folder, **empty | changes)


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / FOLDER).write_text("in the way")
    logger = logger_of(tmp_path)
    for position in (4, 8):
        logger.log({"position": position})
    logger.close()
    said = capsys.readouterr().err
    assert said.count("TensorBoard is off") == 1
    assert "training goes on without" in said


def test_a_link_in_a_received_run_is_not_followed(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link to"):
        logger_of(tmp_path)
