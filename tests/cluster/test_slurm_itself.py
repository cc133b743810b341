"""The Slurm of these tests behaves as Slurm does where runs depend on it, and reads our scripts as they are meant."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.slurm.options import SlurmOptions
from launch.slurm.script import Settings, script_path, script_text
from tests.cluster.namespaces import Machine
from tests.cluster.slurm import Slurm, missing_slurm, run_slurm, wait_until


@pytest.fixture(scope="module")
def slurm(machines: list[Machine], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    reason = missing_slurm()
    if reason:
        pytest.skip(reason)
    with run_slurm(machines, tmp_path_factory.mktemp("slurm")) as started:
        yield started


def _submit(slurm: Slurm, run: Path, command: list[str]) -> int:
    options = SlurmOptions(slurm=True, slurm_arg=('--comment=it\'s 50% of "all" # not more',))
    settings = Settings(run=run, folder=run, options=options, nodes=2, gpus=0, cores=1, command=command)
    script = script_path(run)
    script.parent.mkdir(parents=True)
    script.write_text(script_text(settings))
    return slurm.submit(script)


def test_odd_paths_arrive_as_they_are(slurm: Slurm, tmp_path: Path) -> None:
    run = tmp_path / 'it\'s a "q" #1' / "$HOME x;y&z über (%j)"
    shown = 'pwd; scontrol show job --oneliner "$SLURM_JOB_ID"'
    number = _submit(slurm, run, ["sh", "-c", shown])
    slurm.wait_for(number, "COMPLETED")
    said = (run / "slurm" / f"job-{number}.log").read_text().splitlines()
    assert said[0] == str(run)
    assert 'Comment=it\'s 50% of "all" # not more' in said[1]


def test_a_requeued_job_starts_again_with_the_same_number(slurm: Slurm, tmp_path: Path) -> None:
    run = tmp_path / "run"
    number = _submit(slurm, run, ["sh", "-c", "echo ${SLURM_RESTART_COUNT:-0}; test $SLURM_RESTART_COUNT || sleep 60"])
    log = run / "slurm" / f"job-{number}.log"
    wait_until(lambda: log.exists() and log.read_text() == "0\n")
    slurm.run("scontrol", "requeue", str(number))
    slurm.wait_for(number, "COMPLETED", restarts=1)
    assert [line for line in log.read_text().splitlines() if line.isdigit()] == ["0", "1"]
