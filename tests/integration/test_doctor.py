"""`diptych doctor` on this machine, as a user calls it."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def doctor(*words: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "launch.cli", "doctor", *words]
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_two_ranks_time_an_all_reduce_and_leave_nothing(tmp_path: Path) -> None:
    record = tmp_path / "machine.json"
    words = "--runs", str(tmp_path / "runs"), "--num-procs", "2", "--json", str(record)
    done = doctor(*words, temporary=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"all-reduce over 2 ranks: 16 MiB in [\d.]+ ms, [\d.]+ GB/s", done.stdout)
    assert " fit " in done.stdout
    found = json.loads(record.read_text())
    assert found["is_fit"]
    lines = {line["name"]: line for line in found["lines"]}
    assert {lines[name]["state"] for name in ("versions", "DALI", "ports", "W&B")} == {"fine"}
    assert lines["clock"]["state"] == "skipped"
    assert f"fine    DALI           {lines['DALI']['what']}" in done.stdout
    assert list(tmp_path.iterdir()) == [record]


def test_what_a_training_would_fail_of_is_told_without_starting_any_rank(tmp_path: Path) -> None:
    done = doctor("--data", str(tmp_path / "photos"), "--num-procs", "2", temporary=tmp_path)
    assert done.returncode == 1
    assert "not fit" in done.stdout
    assert re.search("^wrong   this machine .*photos", done.stdout, re.MULTILINE)
    assert "not fit" in done.stderr
    assert "all-reduce" not in done.stdout
    assert list(tmp_path.iterdir()) == []
