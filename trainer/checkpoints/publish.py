"""Give a written checkpoint the name that makes it count, and remove those that nobody needs any more."""

import re
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path

from sharding.storage.files import sync
from trainer.checkpoints.layout import FOLDER_NAME, checkpoint_folders

_LEFT_OVER = re.compile(rf"\.({FOLDER_NAME.pattern}(\.rank-[0-9]{{4,7}})?|diptych-[0-9a-f]{{32}})\.tmp")
"""Of a save, or the mark of a rank (`trainer.checkpoints.sight`)."""


def publish(temporary: Path, final: Path) -> None:
    """Bring everything to the disk before the name that makes it count."""
    for path in [*temporary.rglob("*"), temporary]:
        sync(path)
    if final in checkpoint_folders(final.parent):
        shutil.rmtree(final)
    elif final.exists():  # not ours, or without its state: nothing of it is removed
        final.rename(final.with_name(f"{final.name}.replaced-{secrets.token_hex(4)}"))
    temporary.rename(final)
    sync(final.parent)


def prune(newest: Path, *, keep: int, best: Path | None = None, held: Collection[Path] = ()) -> None:
    """Remove all but the `keep` newest, the best, and those that are `held`.

    Those of later positions than the newest are damaged: else the run had gone on from there.
    """
    folders = [path for path in checkpoint_folders(newest.parent) if int(path.name) <= int(newest.name)]
    for old in folders[:-keep]:
        if old != best and old not in held:
            remove(old)


def remove(folder: Path) -> None:
    """Remove a checkpoint, under another name: half removed it would pass for a damaged one."""
    hidden = hidden_name(folder)
    clear(hidden)
    folder.rename(hidden)
    shutil.rmtree(hidden)


def hidden_name(folder: Path) -> Path:
    """What a checkpoint is called while it is written or removed."""
    return folder.with_name(f".{folder.name}.tmp")


def private_name(folder: Path, leader: int) -> Path:
    """What it is called where the main rank does not see it: for the ranks that see what `leader` sees."""
    return folder.with_name(f".{folder.name}.rank-{leader:04d}.tmp")


def clear_left_over(checkpoints: Path) -> None:
    """Remove what killed saves have left. Only for the process that trains the run: another may be about to rename."""
    for path in checkpoints.glob(".*.tmp"):
        if _LEFT_OVER.fullmatch(path.name):
            clear(path)


def clear(path: Path) -> None:
    """Remove what a killed save has left. A link is removed, and never what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
