"""Give a written checkpoint the name that makes it count, and remove those that nobody needs any more."""

import secrets
import shutil
from pathlib import Path

from sharding.storage.files import sync
from trainer.checkpoints.layout import FOLDER_NAME, checkpoint_folders


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


def prune(newest: Path, *, keep: int, best: Path | None = None) -> None:
    """Remove all but the `keep` newest and the best.

    Those of later positions than the newest are damaged: else the run had gone on from there.
    """
    folders = [path for path in checkpoint_folders(newest.parent) if int(path.name) <= int(newest.name)]
    for old in folders[:-keep]:
        if old == best:
            continue
        hidden = hidden_name(old)
        clear(hidden)
        old.rename(hidden)  # half removed it would pass for a damaged one
        shutil.rmtree(hidden)


def hidden_name(folder: Path) -> Path:
    """What a checkpoint is called while it is written or removed."""
    return folder.with_name(f".{folder.name}.tmp")


def clear_left_over(checkpoints: Path) -> None:
    """Remove what killed saves have left. Only for the process that trains the run: another may be about to rename."""
    for path in checkpoints.glob(".*.tmp"):
        if FOLDER_NAME.fullmatch(path.name[1 : -len(".tmp")]):
            clear(path)


def clear(path: Path) -> None:
    """Remove what a killed save has left. A link is removed, and never what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
