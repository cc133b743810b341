"""`--num-procs 1:4`: a run follows one that began as it did and never stopped.

On machines of 2, 1 and 4 cores, one after the other; and on four hosts, of which one is lost for good.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import torch

from tests.shrink import shrink
from trainer.checkpoints.layout import EMA_FILE, checkpoint_folders, read_state
from trainer.config.shrink import shrink as shrunk
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.exits import STOPPED
from trainer.runs.rundir import RunDir

pytestmark = [pytest.mark.slow, pytest.mark.soak]

GLOBAL_BATCH, TOTAL = 4, 96
"""Few steps of narrow networks: in each, a last digit may decide the sign of a ReLU's input, and then runs part."""
PATIENCE_S = 280
CLOSE_LOSS = 1e-4
"""Relative; 2e-7 was measured where no sign differed."""
CLOSE = 2e-4
"""Of a weight; 2e-7 was measured."""
MACHINE = """
import sys
from launch.machine import devices
devices.count_cores = lambda: int(sys.argv[1])
from launch.cli import main
sys.exit(main(sys.argv[2:]))
"""
"""The command on a machine of so many cores, whatever it really has."""
HOSTS = """
import subprocess, sys
from pathlib import Path
from launch.hosts.host import Host
from launch.hosts.num_procs import NumProcs
from launch.hosts.options import Machines
from launch.ranks import agent, job
from launch.ways.on_hosts import Places, make_job
from launch.ways.way import Request
from trainer.runs.rundir import RunDir

class Here:
    patience_s = 240.0
    def __init__(self):
        self.agents = {}
    def start(self, host, where):
        is_lost = host.name in self.agents
        command = ["false"] if is_lost else agent.agent_command(run.path, host=host, where=where)
        self.agents[host.name] = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        if not is_lost:
            self.agents[host.name].stdin.write(agent.agent_input(where, {}))
            self.agents[host.name].stdin.flush()
    def why_not(self, host):
        status = self.agents[host.name].poll()
        return None if status is None else f"its agent ended with status {status}"
    def close(self):
        for process in self.agents.values():
            process.stdin.close()

run = RunDir(Path(sys.argv[1]))
places = Places(hosts=[Host(f"h{number}", 1) for number in range(1, 5)], num_procs=(1, 4))
request = Request(
    command="train",
    words=(),
    config=run.config(),
    machines=Machines(num_procs=NumProcs(1, 4)),
    run=run.path,
    in_run=lambda do: do(run),
)
sys.exit(job.run_job(make_job(request, places, run), agents=Here(), address="127.0.0.1"))
"""
"""`--hostfile` with four hosts, all of them this machine; an agent that is gone does not come again."""


def make_run(folder: Path, dataset: Path, *, stage: int, ranks: int = 2, save_every: int = 0) -> RunDir:
    """24 steps of 4 images if it begins on so many ranks; with crops, average and a falling learning rate.

    With dropout, whose masks follow the micro-batch: its size stays one image.
    """
    small = shrink(load_preset(DEFAULT), dataset=dataset)
    config = replace(
        small,
        method=shrunk(small.method, {"num_filters": 2}),
        train=replace(small.train, batch_size_per_gpu=1, total_kimg=TOTAL / 1000),
        engine=replace(small.engine, zero_stage=stage, gradient_accumulation_steps=GLOBAL_BATCH // ranks),
        log=replace(small.log, period_kimg=0.008),
        checkpoint=replace(small.checkpoint, period_kimg=save_every / 1000),
    )
    run = RunDir(folder)
    run.create(config, preset=DEFAULT, command=[])
    return run


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def train(run: RunDir, *, cores: int, stops: bool = False) -> None:
    """Go on on as many ranks as there are cores; stop in the middle, if at all, once one more line is logged."""
    begin = max((line["position"] for line in lines(run)), default=0)
    process = start(MACHINE, str(cores), "train", "--resume", str(run.path), "--num-procs", "1:4")
    try:
        if stops:
            wait_for_line(run, process, beyond=begin)
            process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == (STOPPED if stops else 0), said
    newest = checkpoint_folders(run.checkpoints)[-1]
    assert read_state(newest).world_size == cores
    assert (int(newest.name) < TOTAL) == stops, "it was too late to stop"


def wait_for_line(run: RunDir, process: subprocess.Popen, *, beyond: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not any(line["position"] > beyond for line in lines(run)):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.02)


def lines(run: RunDir) -> list[dict[str, Any]]:
    return [line for line in read_metrics(run.metrics_file) if "lr" in line]


@pytest.fixture(scope="module")
def elastic(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """At ZeRO 0."""
    run = make_run(tmp_path_factory.mktemp("runs") / "elastic", dataset, stage=0)
    train(run, cores=2, stops=True)
    train(run, cores=1, stops=True)
    train(run, cores=4)
    return run


@pytest.fixture(scope="module")
def bereft(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """At ZeRO 1, saved every fourth step. Three ranks cannot share its global batch: two go on."""
    run = make_run(tmp_path_factory.mktemp("runs") / "bereft", dataset, stage=1, ranks=4, save_every=16)
    process = start(HOSTS, str(run.path))
    try:
        wait_for_line(run, process, beyond=24)
        lost = [each for each in psutil.Process(process.pid).children(recursive=True) if host_of(each) == "h4"]
        assert len(lost) == 2, "its agent and its rank"
        for each in lost:
            each.kill()
        said, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 0, said
    said = " ".join(said.split())
    assert "h4 failed first" in said
    assert "restarting on 2 ranks in 1 s (1 of 3): h1 1, h2 1" in said
    assert [read_state(folder).world_size for folder in checkpoint_folders(run.checkpoints)][-1] == 2
    return run


def host_of(process: psutil.Process) -> str | None:
    """Of an agent or a rank."""
    words = process.cmdline()
    if "--host" in words:
        return words[words.index("--host") + 1]
    return process.environ().get("DIPTYCH_HOST")


class Pair(NamedTuple):
    """Two runs that began on the same number of ranks, at the same stage of ZeRO."""

    changed: RunDir
    """Trained by changing numbers of ranks."""
    unbroken: RunDir


@pytest.fixture(scope="module", params=[("elastic", 0, 2), ("bereft", 1, 4)], ids=["elastic", "bereft"])
def pair(request: pytest.FixtureRequest, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    name, stage, ranks = request.param
    unbroken = make_run(tmp_path_factory.mktemp("runs") / "unbroken", dataset, stage=stage, ranks=ranks)
    train(unbroken, cores=ranks)
    return Pair(request.getfixturevalue(name), unbroken)


def test_it_keeps_global_batch_and_learning_rate(pair: Pair) -> None:
    assert pair.changed.record()["global_batch"] == GLOBAL_BATCH
    ours, theirs = lines(pair.changed), lines(pair.unbroken)
    assert [line["position"] for line in ours] == [line["position"] for line in theirs]
    assert [line["lr"] for line in ours] == [line["lr"] for line in theirs]
    assert len({line["lr"] for line in ours}) > 1


def test_losses_follow(pair: Pair) -> None:
    for ours, theirs in zip(lines(pair.changed), lines(pair.unbroken), strict=True):
        expected = {key: value for key, value in theirs.items() if key.startswith("loss/")}
        assert len(expected) == 4
        assert {key: ours[key] for key in expected} == pytest.approx(expected, rel=CLOSE_LOSS), ours["position"]


def test_averaged_weights_follow(pair: Pair) -> None:
    ours, theirs = (
        torch.load(run.checkpoints / f"{TOTAL:08d}" / EMA_FILE, weights_only=True)["generator"] for run in pair
    )
    assert max(float((ours[name] - weight).abs().max()) for name, weight in theirs.items()) < CLOSE
