"""What ranks need of a Ray cluster, and where they go; none of it needs Ray."""

import pytest

from launch.cli import main
from launch.hosts.host import Host
from launch.hosts.num_procs import NOT_ASKED, NumProcs
from launch.on_ray.plan import Needs, Node, choose_ranks, missing, name_hosts
from trainer.config.errors import ConfigError

GPU_NODES = [Node(cpus=32, gpus=4), Node(cpus=32, gpus=4)]
CPU_NODES = [Node(cpus=4), Node(cpus=2)]


@pytest.mark.parametrize(
    ("nodes", "asked", "device", "expected"),
    [
        (GPU_NODES, NOT_ASKED, "auto", (8, Needs(cpus=8, gpus=1))),
        (GPU_NODES, NumProcs(2, 2), "cuda", (2, Needs(cpus=32, gpus=1))),
        (GPU_NODES, NumProcs(4, 4), "cpu", (4, Needs(cpus=16, gpus=0))),
        (GPU_NODES, NumProcs(2, 6), "auto", (6, Needs(cpus=10, gpus=1))),
        (GPU_NODES, NumProcs(2, 16), "auto", (8, Needs(cpus=8, gpus=1))),
        (GPU_NODES, NumProcs(12, 16), "auto", (12, Needs(cpus=1, gpus=1))),
        (CPU_NODES, NOT_ASKED, "auto", (1, Needs(cpus=4, gpus=0))),
        (CPU_NODES, NumProcs(2, 2), "auto", (2, Needs(cpus=2, gpus=0))),
        (CPU_NODES, NumProcs(3, 3), "auto", (3, Needs(cpus=2, gpus=0))),
        (CPU_NODES, NumProcs(5, 5), "cpu", (5, Needs(cpus=1, gpus=0))),
        ([], NumProcs(2, 2), "auto", (2, Needs(cpus=1, gpus=0))),
    ],
)
def test_ranks_and_what_each_gets(nodes, asked: NumProcs, device: str, expected) -> None:
    assert choose_ranks(nodes, asked=asked, device=device, cpus_per_rank=0) == expected


def test_a_rank_gets_the_cpus_that_are_asked_for() -> None:
    assert choose_ranks(GPU_NODES, asked=NOT_ASKED, device="auto", cpus_per_rank=3) == (8, Needs(cpus=3, gpus=1))


def test_ranks_that_each_want_a_machine_share_none() -> None:
    settings = {"device": "auto", "cpus_per_rank": 0, "one_each": True}
    assert choose_ranks(CPU_NODES, asked=NumProcs(2, 2), **settings) == (2, Needs(cpus=2, gpus=0))
    assert choose_ranks(CPU_NODES, asked=NumProcs(1, 9), **settings) == (2, Needs(cpus=2, gpus=0))


def test_a_range_takes_what_is_free_and_never_less_than_its_least() -> None:
    settings = {"device": "auto", "cpus_per_rank": 2}
    busy = [Node(cpus=8, gpus=1), Node(cpus=0)]
    assert choose_ranks(GPU_NODES, asked=NumProcs(1, 8), **settings, free=busy) == (1, Needs(cpus=2, gpus=1))
    assert choose_ranks(GPU_NODES, asked=NumProcs(2, 8), **settings, free=busy) == (2, Needs(cpus=2, gpus=1))
    assert choose_ranks(GPU_NODES, asked=NumProcs(4, 4), **settings, free=busy) == (4, Needs(cpus=2, gpus=1))


def test_gpus_that_are_asked_for_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"engine.device = 'cuda'.*has no GPU"):
        choose_ranks(CPU_NODES, asked=NOT_ASKED, device="cuda", cpus_per_rank=0)


def test_what_is_missing_is_told() -> None:
    needs = Needs(cpus=2, gpus=1)
    assert missing(8, needs, GPU_NODES, one_each=False) == ""
    assert missing(9, needs, GPU_NODES, one_each=False) == (
        "9 ranks need 9 GPUs and 18 CPUs and there are 8 GPUs and 64 CPUs on 2 machines: room for 8"
    )
    assert missing(3, Needs(cpus=1, gpus=0), CPU_NODES, one_each=True) == (
        "3 ranks need 3 CPUs, each rank on a machine of its own, and there are 6 CPUs on 2 machines: room for 2"
    )


def test_ranks_of_one_machine_stand_beside_each_other() -> None:
    assert name_hosts(["n2", "n1", "n2", "n3"]) == [
        (Host("n2#1", 1), 0),
        (Host("n2#2", 1), 2),
        (Host("n1", 1), 1),
        (Host("n3", 1), 3),
    ]


def test_a_dry_run_tells_of_the_cluster_and_asks_nobody(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_API_KEY", "very-secret")
    words = ["launch", "--ray", "192.0.2.1:6379", "--num-procs", "4", "--cpus-per-rank", "2", "--dry-run"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "the Ray cluster at 192.0.2.1:6379: ranks 0 to 3" in said
    assert "one placement group, pack: 4 bundles, each 2 CPUs, and a GPU where the cluster has any" in said
    assert "WANDB_API_KEY=***" in said
    assert "very-secret" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cpus-per-rank", "2"], "--cpus-per-rank = 2: means nothing on this machine"),
        (["--ray", "auto", "--emit", "rayjob"], "choose"),
        (["--ray", "auto", "--env", "NOT_SET_ANYWHERE"], "is not set here"),
        (["--ray", "ray://head:10001"], "use auto, or host:port"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["launch", *words]) == 2
    assert said in capsys.readouterr().err
