"""What a stranger could put into a run, with a harmless payload: a file that is touched where code was run."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoints.layout import STATE_FILE, describe_file, read_state, write_state


class Touches:
    """Whoever unpickles it calls `Path.touch` of `marker`."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def poison(path: Path, marker: Path) -> None:
    """Let a file of torch's hold all that it held, and a call. Other files become a bare pickle of the call."""
    if path.suffix != ".pt":
        path.write_bytes(pickle.dumps(Touches(marker)))
        return
    content = torch.load(path, weights_only=False, map_location="cpu")
    content["strange"] = Touches(marker)
    torch.save(content, path)


def reseal(checkpoint: Path) -> None:
    """Make the checksums right again, as a stranger would."""
    names = (path.relative_to(checkpoint).as_posix() for path in checkpoint.rglob("*") if path.is_file())
    files = {name: describe_file(checkpoint / name) for name in names if name != STATE_FILE}
    state = read_state(checkpoint)
    write_state(checkpoint, replace(state, files=files))
