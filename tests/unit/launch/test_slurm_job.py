"""The first process of a job of Slurm's."""

import subprocess
import sys
from pathlib import Path

import pytest

from launch.hosts.host import Host
from launch.ranks.agents import Where
from launch.ranks.job import Job, run_job
from trainer.ranks import exits


def test_a_signal_that_comes_when_all_is_done_makes_no_failure_of_it() -> None:
    program = (
        "import os, signal\n"
        "from launch.slurm.job import Launcher\n"
        "with Launcher(['nowhere', '--slots', '1', '--max-restarts', '0']) as launcher:\n"
        "    launcher.wait()\n"
        "for number in (signal.SIGUSR1, signal.SIGTERM):\n"
        "    os.kill(os.getpid(), number)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


class _NoAgents:
    """As `srun` on a node that has just died."""

    patience_s = 60.0

    def start(self, host: Host, where: Where) -> None:
        pass

    def why_not(self, host: Host) -> str | None:
        return "srun ended with 1" if host.name == "n2" else None

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("is_strict", "status"), [(False, exits.MACHINE_DIED), (True, exits.WRONG_INPUT)])
def test_a_node_of_slurms_that_does_not_come_is_worth_another_job(
    is_strict: bool, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = [Host("n1", 1), Host("n2", 1)]
    job = Job(run=tmp_path, hosts=hosts, num_procs=(2, 2), again="again", is_strict=is_strict)
    assert run_job(job, agents=_NoAgents(), address="127.0.0.1") == status
    assert "n2: srun ended with 1" in capsys.readouterr().err
