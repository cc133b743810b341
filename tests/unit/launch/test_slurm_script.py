"""The script that Slurm runs, and the options that it is made of."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launch.hosts.num_procs import NumProcs
from launch.slurm.arguments import JobArguments, parse_arguments
from launch.slurm.controller import address_toward, submission
from launch.slurm.options import SlurmOptions, duration_s
from launch.slurm.script import Settings, script_path, script_text
from launch.slurm.submit import gpus_of, slots_of
from trainer.config.errors import ConfigError

PLAIN = Settings(
    run=Path("/data/runs/maps"),
    folder=Path("/data"),
    options=SlurmOptions(slurm=True, gpus_per_node=8, time_limit="4:00:00"),
    nodes=4,
    slots=8,
    gpus=8,
    cores=96,
    command=["/venv/bin/python", "-P", "-m", "launch.slurm.job", "/data/runs/maps", "--slots", "8"],
    exported=("WANDB_API_KEY", "NCCL_DEBUG"),
)


def changed(**changes: Any) -> Settings:
    return replace(PLAIN, **changes)


def test_the_whole_script() -> None:
    assert script_text(PLAIN) == (
        "#!/bin/bash\n"
        "#SBATCH --job-name=diptych-maps\n"
        "#SBATCH --chdir=/data\n"
        "#SBATCH --output=/data/runs/maps/slurm/job-%j.log\n"
        "#SBATCH --nodes=4\n"
        "#SBATCH --gpus-per-node=8\n"
        "#SBATCH --cpus-per-task=96\n"
        "#SBATCH --time=4:00:00\n"
        "#SBATCH --signal=B:USR1@180\n"
        "#SBATCH --export=HOME,LANG,LC_ALL,LOGNAME,NCCL_DEBUG,PATH,SHELL,TMPDIR,USER,VIRTUAL_ENV,WANDB_API_KEY\n"
        "#SBATCH --ntasks-per-node=1\n"
        "#SBATCH --open-mode=append\n"
        "#SBATCH --requeue\n"
        "\n"
        "exec /venv/bin/python -P -m launch.slurm.job /data/runs/maps --slots 8\n"
    )


def test_what_is_not_asked_for_is_left_to_slurm() -> None:
    options = SlurmOptions(slurm=True, partition="short", account="vision", qos="high")
    text = script_text(changed(options=options, gpus=0, cores=3))
    assert "--gpus" not in text
    for line in ("--cpus-per-task=3", "--partition=short", "--account=vision", "--qos=high"):
        assert f"#SBATCH {line}\n" in text
    assert "--time=" not in text
    assert "--no-kill" not in text


def test_a_run_that_can_do_with_fewer_ranks_outlives_its_nodes() -> None:
    assert "\n#SBATCH --no-kill\n" in script_text(changed(outlives_nodes=True))


@pytest.mark.parametrize("name", ["a b", "it's", 'q"q', "h#x", "p%jq", "$HOME", "x;y&z", "über", "(1)"])
def test_odd_paths_are_one_word_each(name: str) -> None:
    folder = Path("/odd") / name
    settings = changed(folder=folder, run=folder / "run", command=["python", str(folder / "run")])
    lines = script_text(settings).splitlines()
    assert shlex.split(lines[-1]) == ["exec", "python", str(folder / "run")]
    words = [shlex.split(line.removeprefix("#SBATCH ")) for line in lines if line.startswith("#SBATCH")]
    assert all(len(word) == 1 for word in words)
    assert [f"--chdir={folder}"] in words
    assert [f"--output={folder}/run/slurm/job-%j.log".replace("p%jq", "p%%jq")] in words


@pytest.mark.parametrize("name", ["back\\slash", "new\nline", "tab\t", "\udcff"])
def test_a_path_that_slurm_cannot_be_told_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="run = "):
        script_text(changed(run=Path("/data") / name))


def test_gpus_may_be_asked_for_as_the_site_wants_it() -> None:
    options = SlurmOptions(slurm=True, slurm_arg=("--gres=gpu:a100:8,nvme:1",))
    assert gpus_of(options, device="auto") == 8
    text = script_text(changed(options=options))
    assert "#SBATCH --gres=gpu:a100:8,nvme:1\n" in text
    assert "--gpus-per-node" not in text


@pytest.mark.parametrize(
    ("value", "gpus"), [("gpu", 1), ("gpu:4", 4), ("gpu:a100", 1), ("nvme:2,gpu:x:3", 3), ("x", 0)]
)
def test_how_many_gpus_a_site_is_asked_for(value: str, gpus: int) -> None:
    assert SlurmOptions(slurm_arg=(f"--gres={value}",)).gres_gpus == gpus


def test_two_numbers_of_gpus_are_refused() -> None:
    options = SlurmOptions(slurm=True, gpus_per_node=4, slurm_arg=("--gres=gpu:8",))
    with pytest.raises(ConfigError, match=r"gpus_per_node = 4.*--gres asks for 8"):
        gpus_of(options, device="auto")


def test_defaults_of_the_environment_go_into_the_script_where_no_flag_says_otherwise() -> None:
    environ = {
        "SBATCH_ACCOUNT": "vision",
        "SBATCH_PARTITION": "long",
        "SBATCH_CONSTRAINT": "a100",
        "SBATCH_RESERVATION": "",
        "SBATCH_EXPORT": "NONE",
    }
    options = SlurmOptions(slurm=True, partition="short").with_defaults(environ)
    assert (options.account, options.partition, options.qos) == ("vision", "short", "")
    assert options.slurm_arg == ("--constraint=a100",)
    given = SlurmOptions(slurm_arg=("--constraint=h100",)).with_defaults(environ)
    assert given.slurm_arg == ("--constraint=h100",)


def test_sbatch_sees_no_variable_that_it_prefers_to_the_script() -> None:
    kept = {"HOME": "/root", "SLURM_CONF": "/etc/slurm.conf", "SLURM_CLUSTERS": "a", "WANDB_API_KEY": "x"}
    left_out = dict.fromkeys(("SBATCH_EXPORT", "SBATCH_WAIT", "SLURM_JOB_ID", "SLURMD_NODENAME", "SRUN_DEBUG"), "1")
    assert submission(kept | left_out) == kept


def test_a_machine_knows_its_address_in_anothers_network() -> None:
    assert address_toward("127.0.0.1") == "127.0.0.1"


def test_further_options_of_sbatch_stand_last() -> None:
    options = SlurmOptions(slurm=True, slurm_arg=("--constraint=a100&ib", "--exclusive", '--comment=say "hi" \\o/'))
    lines = script_text(changed(options=options)).splitlines()
    assert lines[-5:-2] == [
        '#SBATCH --constraint="a100&ib"',
        "#SBATCH --exclusive",
        '#SBATCH --comment="say \\"hi\\" \\\\o/"',
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 5400),
        ("1:30", 90),
        ("4:00:00", 14400),
        ("2-12", 216000),
        ("2-12:30", 217800),
        ("1-00:00:05", 86405),
    ],
)
def test_times_as_slurm_writes_them(text: str, seconds: int) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SlurmOptions(slurm=True, gpus_per_node=-1), ["gpus_per_node = -1"]),
        (SlurmOptions(slurm=True, time_limit="4h"), ["time_limit = '4h'", "4:00:00"]),
        (SlurmOptions(slurm=True, time_limit="2"), ["notice_s = 180", "time_limit = 2"]),
        (SlurmOptions(slurm=True, partition="a\nb"), ["partition"]),
        (SlurmOptions(slurm=True, slurm_arg=("-C a100",)), ["slurm_arg = '-C a100'", "--constraint=a100"]),
        (SlurmOptions(slurm=True, slurm_arg=("--comment=a\n#SBATCH --wrap=x",)), ["slurm_arg"]),
        (SlurmOptions(slurm=True, slurm_arg=("--no-requeue",)), ["--no-requeue", "first time limit"]),
        (SlurmOptions(slurm=True, slurm_arg=("--time=5",)), ["--time-limit"]),
        (SlurmOptions(slurm=True, slurm_arg=("--arr=0-3",)), ["--array is for many small jobs"]),
        (SlurmOptions(slurm=True, slurm_arg=("--wait",)), ["--wait would wait"]),
        (SlurmOptions(slurm=True, slurm_arg=("--gpus=8",)), ["--gpus is --gpus-per-node"]),
    ],
)
def test_impossible_options_are_named(options: SlurmOptions, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        options.check()
    for word in words:
        assert word in str(error.value)


def test_options_that_are_possible_pass() -> None:
    SlurmOptions(slurm=True, time_limit="1:00:00", notice_s=3599, slurm_arg=("--mem=0",)).check()


@pytest.mark.parametrize(
    ("nodes", "gpus", "asked", "slots"),
    [
        (4, 8, NumProcs(), 8),
        (4, 8, NumProcs(8, 32), 8),
        (2, 0, NumProcs(), 1),
        (2, 0, NumProcs(4, 4), 2),
        (2, 0, NumProcs(1, 3), 2),
    ],
)
def test_how_many_ranks_a_node_takes(nodes: int, gpus: int, asked: NumProcs, slots: int) -> None:
    assert slots_of(asked, nodes=nodes, gpus=gpus) == slots


def test_more_ranks_than_gpus_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"num_procs = '5'.*up to 4 ranks"):
        slots_of(NumProcs(5, 5), nodes=2, gpus=2)


def test_ranks_on_cpus_are_no_oversight() -> None:
    assert gpus_of(SlurmOptions(slurm=True), device="cpu") == 0
    assert gpus_of(SlurmOptions(slurm=True, gpus_per_node=0), device="auto") == 0
    assert gpus_of(SlurmOptions(slurm=True, gpus_per_node=8), device="auto") == 8
    for options, device in ((SlurmOptions(slurm=True), "auto"), (SlurmOptions(slurm=True, gpus_per_node=1), "cpu")):
        with pytest.raises(ConfigError, match="gpus_per_node"):
            gpus_of(options, device=device)


@pytest.mark.parametrize("asked", [NumProcs(), NumProcs(4, 4), NumProcs(2, 8)])
def test_a_job_reads_what_was_written_for_it(asked: NumProcs) -> None:
    arguments = JobArguments(run=Path("/runs/a b"), slots=2, max_restarts=5, num_procs=asked)
    assert parse_arguments(arguments.words()) == arguments


def test_the_script_lies_in_the_run() -> None:
    assert script_path(Path("runs/maps")) == Path("runs/maps/slurm/job.sh")
