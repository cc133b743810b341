"""The variables of `make launch`, as the flags that `diptych launch` gets."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MACHINES = ("NPROC", "HOSTFILE", "INCLUDE", "EXCLUDE", "NODE_RANK", "NODES", "SLURM", "RAY", "EMIT", "DRY_RUN")


def recipe(*variables: str, **environment: str) -> list[str]:
    """The words behind `diptych launch` that make would run; nothing is."""
    clean = {
        name: value for name, value in os.environ.items() if name not in (*MACHINES, "PRESET", "ARGS", "MAKEFLAGS")
    }
    # -o: what setup would install is of no interest here
    command = ["make", "-n", "--no-print-directory", "-o", "setup", "launch", *variables]
    done = subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=True)
    words = shlex.split(done.stdout)
    assert words[:2] == [".venv/bin/diptych", "launch"], done.stdout
    return words[2:]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ([], []),
        (
            ["PRESET=earth-satellite2map", "ARGS=--train.total-kimg 20"],
            ["earth-satellite2map", "--train.total-kimg", "20"],
        ),
        (["NPROC=2"], ["--num-procs", "2"]),
        (["NPROC=2:8", "HOSTFILE=my hosts"], ["--num-procs", "2:8", "--hostfile", "my hosts"]),
        (["HOSTFILE=h", "INCLUDE=n1@n2:0,2"], ["--hostfile", "h", "--include", "n1@n2:0,2"]),
        (["HOSTFILE=h", "EXCLUDE=n3", "DRY_RUN=1"], ["--hostfile", "h", "--exclude", "n3", "--dry-run"]),
        (["HOSTFILE=h", "NODE_RANK=0"], ["--hostfile", "h", "--node-rank", "0"]),
        (["SLURM=1", "NODES=4"], ["--slurm", "--nodes", "4"]),
        (["RAY=auto"], ["--ray", "auto"]),
        (["EMIT=rayjob", "NODES=2"], ["--emit", "rayjob", "--nodes", "2"]),
        (["INCLUDE=n1"], ["--include", "n1"]),
        (["NODES=4"], ["--nodes", "4"]),
        (["SLURM=0", "DRY_RUN=0"], []),
    ],
)
def test_variables_become_flags(variables: list[str], words: list[str]) -> None:
    assert recipe(*variables) == words


def test_what_the_environment_holds_for_others_is_not_taken_for_ours() -> None:
    assert recipe(INCLUDE="/opt/include", NODE_RANK="3", NODES="4", EXCLUDE="x", NPROC="2") == ["--num-procs", "2"]
    assert recipe(HOSTFILE="h", NODE_RANK="3") == ["--hostfile", "h", "--node-rank", "3"]
