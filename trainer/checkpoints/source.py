"""A checkpoint whose weights another run is to begin with: where it is, and whether what is read of it is whole.

Imports no torch: a mistake on the command line is answered at once.
"""

import os
import re
from pathlib import Path

from sharding.console import make_console, one_line
from sharding.storage.files import refuse_link
from sharding.storage.records import RecordError
from trainer.checkpoints.given import BEST, kept_best
from trainer.checkpoints.layout import (
    EMA_FILE,
    STATE_FILE,
    CheckpointError,
    CheckpointState,
    check_content,
    check_folder,
    names_in,
    numbered_folders,
    read_state,
)
from trainer.config.errors import ConfigError
from trainer.runs.origin import Origin
from trainer.runs.rundir import RunDir

FIELD = "from"
"""What errors name."""
_WHOLE = "state/mp_rank_00_model_states.pt"
_SLICED = re.compile(r"state/zero_pp_rank_[0-9]{1,6}_mp_rank_00_(model|optim)_states\.pt")


def find_origin(path: Path) -> Origin:
    """The checkpoint that `path` is, or the newest whole one of the run that it is; says which newer ones are damaged.

    `RUN/checkpoints/best` is the one that `checkpoint.keep_best` has kept.

    Raises:
        ConfigError: it is neither, or damaged, or a later version made it; or no best was kept.
    """
    path = path.absolute()
    run = RunDir(path.parent.parent)
    if path == run.checkpoints / BEST and not os.path.lexists(path):
        path = _best(run)
    if not os.path.lexists(path / RunDir(path).run_file.name):
        state = _whole(path)
        digest = _dataset_of(run) if run.run_file.exists() else None
        return Origin(path=path, checkpoint=path, position=state.position, dataset_sha256=digest)
    digest = _dataset_of(RunDir(path))
    checkpoint, state = _newest(RunDir(path))
    return Origin(path=path, checkpoint=checkpoint, position=state.position, dataset_sha256=digest)


def check_origin(origin: Origin) -> None:
    """Raise ConfigError if the checkpoint is not there any more, or not whole."""
    try:
        _whole(origin.checkpoint)
    except ConfigError as error:
        again = "This run has no checkpoint of its own yet, and begins with that: put it back, or start a new run."
        raise ConfigError(FIELD, error.value, f"{error.remedy} {again}") from error


def weight_files(folder: Path, state: CheckpointState) -> set[str]:
    """The files that hold the weights: of all players as they train or, if none is there, the averaged networks."""
    present = set(names_in(folder))
    listed = set(state.files) if state.files is not None else present
    if not any(_is_of_player(name) for name in present):
        return {EMA_FILE}
    whole = {name.removesuffix(_WHOLE) for name in listed if name.endswith(f"/{_WHOLE}")}
    return {
        name
        for name in listed
        if _is_of_player(name) and (name.endswith(f"/{_WHOLE}") or f"{name.partition('/')[0]}/" not in whole)
    }


def _is_of_player(name: str) -> bool:
    player, _, file = name.partition("/")
    return bool(player) and (file == _WHOLE or _SLICED.fullmatch(file) is not None)


def _newest(run: RunDir) -> tuple[Path, CheckpointState]:
    try:
        folders = numbered_folders(run.checkpoints)
    except CheckpointError as error:
        raise ConfigError(FIELD, str(run.path), str(error)) from error
    faults: list[ConfigError] = []
    for folder in reversed(folders):
        try:
            state = _whole(folder)
        except ConfigError as error:
            faults.append(error)
            continue
        for fault in faults:
            make_console(stderr=True).print(one_line(f"{fault} {folder} is used instead."))
        return folder, state
    if faults:
        raise faults[0]
    raise ConfigError(FIELD, str(run.path), "has no complete checkpoint yet; train it further.")


def _best(run: RunDir) -> Path:
    if not run.run_file.exists():
        raise ConfigError(FIELD, str(run.checkpoints / BEST), f"{run.path} is no run; give one, e.g. runs/NAME.")
    return kept_best(_newest(run)[1], checkpoints=run.checkpoints, field=FIELD)


def _whole(folder: Path) -> CheckpointState:
    """The state of a checkpoint of which all is whole that is read of it."""
    refuse_link(folder, error=lambda message: ConfigError(FIELD, str(folder), message))
    if not os.path.lexists(folder / STATE_FILE):
        remedy = "is no run and no checkpoint; give a run, e.g. runs/NAME, or one of the folders in its checkpoints."
        raise ConfigError(FIELD, str(folder), remedy)
    try:
        state = read_state(folder)
        names = weight_files(folder, state)
        check_folder(folder, state, names=names)
        check_content(folder, state, names=names)
    except (RecordError, OSError) as error:
        raise ConfigError(FIELD, str(folder), f"is damaged: {error}.") from error
    return state


def _dataset_of(run: RunDir) -> str:
    try:
        return run.record()["dataset_sha256"]
    except ConfigError as error:
        raise ConfigError(FIELD, str(run.path), str(error)) from error
