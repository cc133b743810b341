"""Which files `--in` of `diptych translate` means. Imports no torch."""

from glob import has_magic
from pathlib import Path

from sharding.console import counted
from sharding.storage.listing import PassedOver, is_hidden, list_files
from trainer.config.errors import ConfigError


def find_pictures(source: Path) -> list[Path]:
    """The pictures in a folder with all below it, sorted, or one. Raises ConfigError if there is none."""
    files, _ = find_files(source, PassedOver())
    return pictures_of(files, source)


def pictures_of(files: list[Path], source: Path) -> list[Path]:
    from trainer.inference.media.kinds import is_known  # with all that reads: a folder that is not there is told before

    pictures = [file for file in files if is_known(file)]
    if not pictures:
        raise ConfigError("in", str(source), f"holds no picture that can be read among {counted(len(files), 'file')}.")
    return pictures


def require_there(source: Path) -> None:
    """Raises ConfigError unless there is a file or a folder, or it is a pattern."""
    if not source.is_file() and not source.is_dir() and not has_magic(str(source)):
        raise ConfigError("in", str(source), "does not exist; give a folder of pictures, or one picture.")


def find_files(source: Path, passed: PassedOver) -> tuple[list[Path], Path]:
    """All files, sorted, and the folder that their relative names begin at."""
    if source.is_file():
        return [source], source.parent
    if not source.exists() and has_magic(str(source)):
        return matching(source)
    require_there(source)
    try:
        found = list_files(source, recursive=True, passed=passed)
        return sorted(source / place / entry.name for place, entry in found), source
    except OSError as error:
        raise ConfigError("in", str(source), f"cannot be read ({error.strerror}); give another folder.") from error


def matching(pattern: Path) -> tuple[list[Path], Path]:
    """The files that a pattern matches, sorted, and the folder before its first wildcard."""
    parts = pattern.parts
    fixed = next(number for number, part in enumerate(parts) if has_magic(part))
    root = Path(*parts[:fixed])
    files = sorted(file for file in root.glob(str(Path(*parts[fixed:]))) if file.is_file() and not is_hidden(file.name))
    if not files:
        raise ConfigError("in", str(pattern), "matches no file; give a folder, a picture, or another pattern.")
    return files, root
