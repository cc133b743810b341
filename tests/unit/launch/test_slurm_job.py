"""The first process of a job of Slurm's."""

import subprocess
import sys


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
