"""A checkpoint that the user names, looked at before torch is loaded."""

from pathlib import Path

from trainer.checkpoints.layout import EMA_FILE, CheckpointState, folder_of
from trainer.config.errors import ConfigError

BEST = Path("best")
"""Asked for instead of a checkpoint's folder: the one that `checkpoint.keep_best` has kept."""


def require_given(folder: Path | None, *, checkpoints: Path) -> None:
    """Raise ConfigError unless what was asked for looks like a checkpoint.

    Args:
        folder: None is the newest, and `BEST` the best: which these are is found out later.
        checkpoints: where the run keeps them.
    """
    if folder is None or folder == BEST:
        return
    if not (folder / EMA_FILE).is_file():
        raise ConfigError("checkpoint", str(folder), f"holds no {EMA_FILE}; give a folder in {checkpoints}.")
    if not folder.name.isdecimal():
        raise ConfigError("checkpoint", str(folder), "is not named after its images; give it its name again.")


def kept_best(newest: CheckpointState, *, checkpoints: Path, field: str) -> Path:
    """The checkpoint that a run keeps as its best.

    Args:
        newest: of its newest whole one, which tells.
        field: that errors name.

    Raises:
        ConfigError: it keeps none.
    """
    best = None if newest.standing is None else newest.standing.best
    if best is None:
        remedy = f"was not kept; give a folder in {checkpoints}. A run keeps it from its start, by "
        raise ConfigError(field, str(BEST), f"{remedy}checkpoint.keep_best.")
    return folder_of(checkpoints, best)
