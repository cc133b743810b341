"""Which way to the machines is asked for, and what `--dry-run` tells of it without doing any of it."""

import json
import os
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

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
