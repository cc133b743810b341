"""`diptych doctor --hosts` over ssh: a table that names the host at fault, then an all-reduce over the network."""

import re
import sys
from pathlib import Path

from tests.cluster.namespaces import Machine

ROOT = Path(__file__).resolve().parents[2]


def doctor(machine: Machine, *words: str, folder: Path) -> tuple[int, str, str]:
    """Exit status, output and errors of the command on a machine."""
    command = [sys.executable, "-m", "launch.cli", "doctor", "--runs", str(folder / "runs"), *words]
    environment = machine.environment(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1", TMPDIR=str(folder), COLUMNS="120")
    done = machine.run(*command, env=environment, cwd=folder, timeout=120)
    return done.returncode, done.stdout, done.stderr


def hostfile(folder: Path, *lines: str) -> str:
    path = folder / "hosts"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_all_hosts_are_fit_and_their_ranks_exchange(machines: list[Machine], tmp_path: Path) -> None:
    hosts = hostfile(tmp_path, "n1 slots=1", "n2 slots=2")
    status, out, err = doctor(machines[0], "--hosts", hosts, folder=tmp_path)
    assert status == 0, err
    assert re.findall(r"^(n\d) +fit +(\d)", out, re.MULTILINE) == [("n1", "1"), ("n2", "2")]
    assert re.search(r"all-reduce over 3 ranks: 16 MiB in [\d.]+ ms, [\d.]+ GB/s", out)
    assert [path.name for path in tmp_path.iterdir()] == ["hosts"]
    assert [machine.listening() for machine in machines[:2]] == [[], []]


def test_the_host_that_does_not_answer_is_named_and_no_rank_is_started(machines: list[Machine], tmp_path: Path) -> None:
    hosts = hostfile(tmp_path, "n1 slots=1", "n3 slots=1")
    machines[2].cut_off()
    try:
        status, out, err = doctor(machines[0], "--hosts", hosts, folder=tmp_path)
    finally:
        machines[2].reconnect()
    assert status == 2
    assert "1 host is not fit. No rank was started." in err
    assert "n3: it does not answer" in err
    assert "n1  " in out
    assert "all-reduce" not in out


def test_a_data_set_that_one_host_lacks_is_named_there(machines: list[Machine], tmp_path: Path) -> None:
    status, _, err = doctor(
        machines[0], "--hosts", hostfile(tmp_path, "n2 slots=1"), "--data", str(tmp_path / "photos"), folder=tmp_path
    )
    assert status == 2
    assert "n2: " in err
    assert "photos" in err
