"""Free memory: the machine's, or what a container's limit leaves of it."""

from pathlib import Path

import pytest

from trainer.ranks import room

GIB = 2**30


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """8 GiB are available, and this process is in the group `jobs/mine`, of which none has a limit."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {8 * GIB // 1024} kB\n")
    (tmp_path / "own").write_text("0::/jobs/mine\n")
    groups = tmp_path / "groups"
    (groups / "jobs" / "mine").mkdir(parents=True)
    for name, path in {"_MEMINFO": "meminfo", "_OWN_GROUPS": "own", "_GROUPS": "groups"}.items():
        monkeypatch.setattr(room, name, tmp_path / path)
    return groups


def limit(group: Path, *, most: str, used: int, of_files: int = 0) -> None:
    (group / "memory.max").write_text(f"{most}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 5\ninactive_file {of_files}\n")


def test_without_limits_it_is_what_the_kernel_says(machine: Path) -> None:
    limit(machine / "jobs", most="max", used=GIB)
    assert room.free_memory() == 8 * GIB


def test_the_tightest_group_counts_and_files_in_its_memory_can_go(machine: Path) -> None:
    limit(machine / "jobs" / "mine", most=str(6 * GIB), used=GIB)
    limit(machine / "jobs", most=str(4 * GIB), used=3 * GIB, of_files=GIB)
    assert room.free_memory() == 2 * GIB
