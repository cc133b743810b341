"""Which way to the machines is asked for, and what `--dry-run` tells of it without doing any of it."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import tyro

from launch.arguments import without_flags
from launch.cli import main
from launch.hosts.num_procs import NumProcs, parse_num_procs
from launch.hosts.options import Machines
from launch.ways.here import HERE
from launch.ways.table import choose_way
from tests.shrink import shrink
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset
from trainer.runs.batches import note_global_batch
from trainer.runs.rundir import RunDir


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", NumProcs()),
        ("4", NumProcs(4, 4)),
        ("2:8", NumProcs(2, 8)),
        ("3:3", NumProcs(3, 3)),
        ("007", NumProcs(7, 7)),
    ],
)
def test_a_number_of_ranks_or_a_range(text: str, expected: NumProcs) -> None:
    assert parse_num_procs(text) == expected
    assert parse_num_procs(str(expected)) == expected


@pytest.mark.parametrize("text", ["two", "2:", ":2", "8:2", "0:4", "-1", "1.5", "2:4:6", "٣", "9" * 5000, "10000000"])
def test_what_is_no_number_of_ranks_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="num_procs"):
        parse_num_procs(text)


def test_without_flags_a_run_is_trained_here() -> None:
    assert choose_way(Machines()) is HERE


@pytest.mark.parametrize(
    ("machines", "words"),
    [
        (Machines(max_restarts=-1), ["max_restarts = -1", "0 (never)"]),
        (Machines(ssh_port=0), ["ssh_port = 0", "65535"]),
        (Machines(ssh_port=65536), ["ssh_port = 65536"]),
        (Machines(node_rank=-1), ["node_rank = -1"]),
        (Machines(master_port=99999), ["master_port = 99999"]),
    ],
)
def test_an_option_out_of_its_bounds_is_refused(machines: Machines, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        machines.check()
    assert all(word in str(error.value) for word in words)


def dry_run(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    """What is said, and that nothing is made."""
    before = sorted(Path().rglob("*"))
    assert main([*words, "--dry-run"]) == status
    assert sorted(Path().rglob("*")) == before
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


def config_in(said: str) -> dict:
    """The JSON among what was said."""
    lines = said.splitlines()
    return json.loads("\n".join(lines[lines.index("{") : lines.index("}") + 1]))["config"]


def test_a_dry_run_tells_data_configuration_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    said = dry_run(capsys, "launch", "--train.total-kimg", "7", "--num-procs", "1", "--engine.device", "cpu")
    assert "# run: runs/earth-relief2satellite (new)" in said
    assert "would be made by: diptych shard earth --out data/earth-128" in said
    assert config_in(said)["train"]["total_kimg"] == 7
    assert "# trained on this machine: 1 rank on 1 host" in said
    assert "-m trainer.main runs/earth-relief2satellite" in said


def test_a_range_on_one_machine_is_as_many_as_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    cores = len(os.sched_getaffinity(0))
    said = dry_run(capsys, "launch", "--num-procs", "1:500", "--engine.device", "cpu")
    assert f"# this machine: rank{f's 0 to {cores - 1}' if cores > 1 else ' 0'}" in said
    said = dry_run(capsys, "launch", "--num-procs", "5000:6000", "--engine.device", "cpu", status=2)
    assert "num_procs = 5000" in said


def test_a_dry_run_of_training_wants_the_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no data set is there" in dry_run(capsys, "train", status=2)
    assert "no data set is there" in dry_run(capsys, "launch", "--data.path", "photos", status=2)


def test_a_dry_run_does_not_look_at_data_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert "# data: s3://bucket/faces (not looked at)" in dry_run(capsys, "train", "--data.path", "s3://bucket/faces")


def test_a_dry_run_finds_the_run_that_would_be_continued(
    tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(Path("runs") / DEFAULT)
    run.create(shrink(load_preset(DEFAULT), dataset=tiny_dataset), preset=DEFAULT, command=[])
    assert f"# run: runs/{DEFAULT}-2 (new)" in dry_run(capsys, "launch")
    said = dry_run(capsys, "train", "--resume", str(run.path), "--train.total-kimg", "3")
    assert f"# run: runs/{DEFAULT} (continued)" in said
    assert config_in(said)["train"]["total_kimg"] == 3
    assert "changes" not in run.record()
    assert "data.view_a" in dry_run(capsys, "train", "--resume", str(run.path), "--data.view-a", "c", status=2)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["earth-satellite2map", "--slurm", "--nodes", "4", "--name", "x"], ["earth-satellite2map", "--name", "x"]),
        (["--nodes=4", "--no-slurm", "--name=--slurm"], ["--name=--slurm"]),
        (["--time_limit", "4:00", "--time-limit=4"], []),
        (["--nodes"], []),
        (["--nodes-of", "4"], ["--nodes-of", "4"]),
    ],
)
def test_flags_are_taken_off_a_command_line(words: list[str], left: list[str]) -> None:
    assert without_flags(words, {"--slurm": 0, "--nodes": 1, "--time-limit": 1}) == left


@pytest.mark.parametrize(
    ("global_batch", "asked", "ranks"), [(None, "1:4", "0 to 3"), (6, "1:5", "0 to 2"), (7, "2:4", "0 to 3")]
)
def test_of_a_range_as_many_ranks_start_as_can_share_the_global_batch(
    global_batch: int | None, asked: str, ranks: str, tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine of five cores. Where none can, starting tells which numbers could."""
    run = RunDir(Path("run"))
    config = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    run.create(replace(config, train=replace(config.train, batch_size_per_gpu=1)), preset=DEFAULT, command=[])
    if global_batch is not None:
        note_global_batch(run, global_batch)
    with patch("launch.ways.here.count_cores", return_value=5):
        said = dry_run(capsys, "train", "--resume", "run", "--num-procs", asked)
    assert f"ranks {ranks}" in said


@pytest.fixture
def hostfile() -> str:
    Path("hosts").write_text("n1 slots=2\nn2 slots=2\n10.0.0.7 slots=1\n")
    return "hosts"


def commands_in(said: str) -> list[list[str]]:
    """The words of each command that is told, ssh's with those that it would run."""
    lines = [line for line in said.splitlines() if line.startswith(("ssh ", "DIPTYCH_TOKEN="))]
    return [shlex.split(line) for line in lines]


def test_a_dry_run_over_ssh_tells_each_hosts_command(
    hostfile: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.setenv("NCCL_DEBUG", "INFO")
    monkeypatch.setenv("MINE", "hunter2")
    words = ["--hostfile", hostfile, "--exclude", "n2:0", "--num-procs", "1:3", "--ssh-port", "2222", "--env", "MINE"]
    said = dry_run(capsys, "launch", *words)
    assert "# trained over ssh: 3 ranks on 3 hosts" in said
    for line in ("# n1: ranks 0 to 1", "# n2: rank 2", "# 10.0.0.7: a spare, for when another host is lost"):
        assert line in said
    commands = commands_in(said)
    assert [command[command.index("--") + 1] for command in commands] == ["n1", "n2", "10.0.0.7"]
    assert all(command[command.index("-p") + 1] == "2222" for command in commands)
    remote = commands[1][-1]
    assert remote.startswith(f"cd {Path.cwd()} || exit 81; ")
    assert "-m launch.ranks.agent runs/earth-relief2satellite --coordinator ADDRESS:PORT --host n2 --slots 1" in remote
    assert "#   NCCL_DEBUG=INFO" in said
    assert "#   WANDB_API_KEY=***" in said
    assert "#   MINE=***" in said
    assert "kkkk" not in said
    assert "hunter2" not in said
    assert said.count("#   CUDA_VISIBLE_DEVICES=1") == 1, "of n2 alone"


def test_a_dry_run_by_hand_tells_each_hosts_command(hostfile: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--hostfile", hostfile, "--node-rank", "1", "--train.total-kimg", "3", "--master-port", "2000"]
    said = dry_run(capsys, "launch", "earth-satellite2map", *words)
    assert "# trained by hand: 5 ranks on 3 hosts" in said
    commands = commands_in(said)
    assert [command[:3] for command in commands] == [["DIPTYCH_TOKEN=***", "diptych", "launch"]] * 3
    assert [command[-2:] for command in commands] == [["--node-rank", str(number)] for number in range(3)]
    assert all(command[3] == "earth-satellite2map" and "--dry-run" not in command for command in commands)
    assert all(command.count("--node-rank") == 1 for command in commands)


def test_a_dry_run_of_a_resumed_run_is_on_hosts_too(
    hostfile: str, tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(Path("runs") / DEFAULT)
    run.create(shrink(load_preset(DEFAULT), dataset=tiny_dataset), preset=DEFAULT, command=[])
    said = dry_run(capsys, "train", "--resume", str(run.path), "--hostfile", hostfile, "--num-procs", "2")
    assert [command[-1].count(str(run.path)) for command in commands_in(said)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hostfile", "nowhere"], ["hostfile = 'nowhere'", "nothing is started"]),
        (["--hostfile", "hosts", "--num-procs", "6"], ["num_procs = '6'", "5 slots"]),
        (["--hostfile", "hosts", "--num-procs", "6:9"], ["num_procs = '6:9'", "5 slots"]),
        (["--hostfile", "hosts", "--include", "n9"], ["include = 'n9'"]),
        (["--hostfile", "hosts", "--env", "NOT_SET"], ["env = 'NOT_SET'"]),
        (["--hostfile", "hosts", "--node-rank", "3"], ["node_rank = 3", "0 to 2"]),
        (["--hostfile", "hosts", "--node-rank", "0", "--env", "HOME"], ["--env", "means nothing by hand"]),
        (["--hostfile", "hosts", "--node-rank", "0", "--ssh-port", "22"], ["--ssh-port", "means nothing by hand"]),
        (["--hostfile", "hosts", "--master-port", "2000"], ["--master-port", "means nothing over ssh", "--node-rank"]),
        (["--node-rank", "0"], ["node_rank = 0", "--hostfile"]),
        (["--include", "n1"], ["--include", "means nothing on this machine", "--hostfile"]),
        (["--hostfile", "hosts", "--emit", "rayjob"], ["--emit", "--hostfile", "choose"]),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    words: list[str], said: list[str], hostfile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in said:
        assert word in dry_run(capsys, "launch", *words, status=2)


def test_options_become_the_flags_that_make_them() -> None:
    machines = Machines(num_procs=NumProcs(2, 4), hostfile=Path("h"), env=("A", "B"), node_rank=0, dry_run=True)
    words = machines.to_words()
    assert words == [
        "--num-procs",
        "2:4",
        "--hostfile",
        "h",
        "--node-rank",
        "0",
        "--env",
        "A",
        "--env",
        "B",
        "--dry-run",
    ]
    assert tyro.cli(Machines, args=words) == machines
    assert Machines().to_words() == []
