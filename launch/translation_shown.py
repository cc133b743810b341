"""What `diptych translate` says at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sharding.console import PlainConsole, counted, one_line

if TYPE_CHECKING:
    from trainer.inference.result import TranslationResult

_NUM_OTHERS_SHOWN = 5


def print_result(result: "TranslationResult", *, is_varied: bool, folder: Path, console: PlainConsole) -> None:
    """Say what was written, how fast, and all that was not done or lost.

    Args:
        is_varied: whether several of a picture were made.
        folder: where they are.
    """
    kind = "variation" if is_varied else "picture"
    written, seen = counted(len(result.written), kind), counted(result.position, "image")
    made = "made" if is_varied else "translated"
    console.print(f"{written} {made}{_speed(result)}, after {seen} of training, to {folder}")
    if result.kept:
        console.print(f"{counted(len(result.kept), 'picture was', 'pictures were')} translated before, and not again")
    _print_names(
        "other file is no picture by its name",
        "other files are no pictures by their names",
        result.others,
        console=console,
    )
    _print_names(
        "hidden file or folder is passed over",
        "hidden files and folders are passed over",
        result.hidden,
        console=console,
    )
    cut = [f"{path} ({share:.1%})" for path, share in result.cut.items()]
    beyond = "values beyond the range of the run's view, which were cut"
    _print_names(f"picture holds {beyond}", f"pictures hold {beyond}", cut, console=console)
    for path, note in result.notes.items():
        console.print(one_line(f"{path} {note}"))
    for path, reason in result.failed.items():
        console.print(one_line(f"not translated: {path} {reason}"))


def _speed(result: "TranslationResult") -> str:
    """Of the translating, without the start."""
    if len(result.written) < 2 or not result.seconds:
        return ""
    megapixels = result.pixels / 1e6 / result.seconds
    return f" at {len(result.written) / result.seconds:.1f} a second ({megapixels:.3g} megapixel/s)"


def _print_names(one: str, many: str, paths: Sequence[object], *, console: PlainConsole) -> None:
    if paths:
        names = ", ".join(one_line(path) for path in paths[:_NUM_OTHERS_SHOWN])
        more = ", …" if len(paths) > _NUM_OTHERS_SHOWN else ""
        console.print(f"{counted(len(paths), one, many)}: {names}{more}")
