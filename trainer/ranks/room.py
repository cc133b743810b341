"""How much memory is free for new processes: by the kernel, and by the limits of the container that this one is in."""

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Bytes: the least of the machine's and of what each control group above this process leaves. 0 if nobody tells."""
    return min([_free_of_machine(), *_free_of_groups()])


def _free_of_machine() -> int:
    for line in _MEMINFO.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _free_of_groups() -> list[int]:
    """Of the groups that have a limit; what they keep of files only can be had."""
    found = []
    for folder in _groups():
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is not None and used is not None:
            found.append(max(0, limit - used + _inactive_files(folder)))
    return found


def _groups() -> list[Path]:
    """This process's group of version 2 and those above it; in a container its own is the root."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        return []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if own is None:
        return []
    folder = _GROUPS / own
    return [folder, *(parent for parent in folder.parents if parent == _GROUPS or _GROUPS in parent.parents)]


def _number(file: Path) -> int | None:
    """None where there is no file, or no limit."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _inactive_files(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
