"""Manifests are what the cluster's own schemas allow, and say what was asked for."""

import copy
import json
import shlex
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from launch.cli import main
from launch.emit.job import ClusterJob, manifest_name, to_yaml
from launch.emit.rayjob import ray_job
from launch.emit.trainjob import script, train_job
from tests.schemas.strict import problems, strict
from trainer.config.errors import ConfigError

ROOT = Path(__file__).parents[3]
JOB = ClusterJob(
    name="two-nodes",
    image="registry.example/diptych:1",
    words=("photos-season", "--train.total-kimg", "20", "--name", "it's mine"),
    num_nodes=2,
    ranks_per_node=4,
    cpus_per_rank=6,
    use_gpus=True,
    secret="diptych",
    variables=("WANDB_API_KEY",),
    claim="runs",
)
ONE_NODE = replace(JOB, num_nodes=1, ranks_per_node=1, use_gpus=False, variables=(), claim="")
MAKERS = {"rayjob": ray_job, "trainjob": train_job}


@pytest.mark.parametrize("job", [JOB, ONE_NODE])
@pytest.mark.parametrize("kind", MAKERS)
def test_the_published_schema_allows_it(kind: str, job: ClusterJob) -> None:
    assert problems(yaml.safe_load(to_yaml(MAKERS[kind](job))), kind=kind) == []


def container_of(kind: str, manifest: dict[str, Any]) -> dict[str, Any]:
    spec = manifest["spec"]
    if kind == "trainjob":
        return spec["trainer"]
    return spec["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("kind", MAKERS)
def test_the_schema_refuses_what_it_does_not_know(kind: str) -> None:
    manifest = MAKERS[kind](JOB)
    misspelt, mistyped = copy.deepcopy(manifest), copy.deepcopy(manifest)
    container_of(kind, misspelt)["imagee"] = "x"
    container_of(kind, mistyped)["image"] = 3
    [unknown] = problems(misspelt, kind=kind)
    assert "'imagee' was unexpected" in unknown
    [wrong] = problems(mistyped, kind=kind)
    assert "3 is not of type 'string'" in wrong
    assert problems({**manifest, "specs": {}}, kind=kind) != []


def test_the_pods_of_a_trainjob_run_one_command_and_know_each_other() -> None:
    lines = script(JOB).splitlines()
    assert lines[:2] == ["set -e", "cd /workspace"]
    assert lines[3:5] == ["two-nodes-node-0-0.two-nodes slots=4", "two-nodes-node-0-1.two-nodes slots=4"]
    assert shlex.split(lines[-1]) == [
        *("exec", "diptych", "launch", *JOB.words, "--num-procs", "8"),
        *("--hostfile", "/tmp/diptych-hosts", "--node-rank", "$PET_NODE_RANK"),
    ]
    assert '"$PET_NODE_RANK"' in lines[-1]  # for the shell to fill in
    assert "slots" not in script(ONE_NODE)
    assert "--node-rank" not in script(ONE_NODE)


def test_the_ranks_of_a_rayjob_are_on_its_workers() -> None:
    spec = ray_job(JOB)["spec"]
    assert shlex.split(spec["entrypoint"])[-4:] == ["--ray", "auto", "--num-procs", "8"]
    cluster = spec["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    [workers] = cluster["workerGroupSpecs"]
    assert workers["replicas"] == workers["minReplicas"] == workers["maxReplicas"] == 2


@pytest.mark.parametrize("kind", MAKERS)
def test_no_secret_stands_in_a_manifest(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "very-secret")
    text = to_yaml(MAKERS[kind](JOB))
    assert "very-secret" not in text
    reference = {"name": "WANDB_API_KEY", "valueFrom": {"secretKeyRef": {"name": "diptych", "key": "WANDB_API_KEY"}}}
    assert reference in container_of(kind, yaml.safe_load(text))["env"]


def test_pods_have_what_their_ranks_need() -> None:
    for kind, make in MAKERS.items():
        container = container_of(kind, make(JOB))
        resources = container["resourcesPerNode" if kind == "trainjob" else "resources"]
        assert resources["limits"] == {"cpu": "24", "nvidia.com/gpu": "4"}
        assert "nvidia.com/gpu" not in to_yaml(make(ONE_NODE))
        assert "/dev/shm" in to_yaml(make(ONE_NODE))


def test_names_are_made_as_kubernetes_has_them() -> None:
    assert manifest_name("My_Run/2") == "my-run-2"
    assert manifest_name("2-photos") == "photos"
    assert len(manifest_name("x-" * 40)) <= 40
    with pytest.raises(ConfigError, match="letters"):
        manifest_name("2026")


WORDS = ["launch", "photos-season", "--train.total-kimg", "20", "--image", "registry.example/diptych:1"]
WHERE = ["--nodes", "2", "--num-procs=4", "--env", "WANDB_API_KEY", "--cpus-per-rank", "3"]


@pytest.mark.parametrize("kind", MAKERS)
def test_a_manifest_is_printed_and_nothing_else_done(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*WORDS, *WHERE, "--emit", kind]) == 0
    text = capsys.readouterr().out
    manifest = yaml.safe_load(text)
    assert problems(manifest, kind=kind) == []
    assert manifest["metadata"]["name"] == "photos-season"
    assert "diptych launch photos-season --train.total-kimg 20 " in text
    assert "6" in str(container_of(kind, manifest))
    assert "--emit" not in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nodes", "2", "--num-procs", "4"], ["image", "container image"]),
        (["--image", "x", "--num-procs", "4"], ["nodes = 0"]),
        (["--image", "x", "--nodes", "2", "--num-procs", "3"], ["num_procs = 3", "multiple of the 2 nodes"]),
        (["--image", "x", "--nodes", "2", "--num-procs", "2:4"], ["num_procs = '2:4'"]),
        (["--image", "x", "--nodes", "2"], ["num_procs = 0"]),
        (["--image", "x", "--nodes", "2", "--num-procs", "2", "--master-port", "5"], ["--master-port = 5"]),
    ],
)
def test_a_manifest_that_cannot_be_made_is_refused(
    words: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["launch", "photos-season", "--emit", "trainjob", *words]) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in said), error


def test_what_belongs_to_a_manifest_is_refused_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["launch", "photos-season", "--claim", "runs"]) == 2
    assert "--claim = 'runs': means nothing on this machine; it goes with --emit." in capsys.readouterr().err


def test_rays_cluster_launcher_takes_our_file() -> None:
    text = (ROOT / "launch" / "ray-cluster.yaml").read_text()
    schema = json.loads(Path(find_spec("ray").origin).with_name("autoscaler").joinpath("ray-schema.json").read_text())
    cluster = yaml.safe_load(text)
    jsonschema.validate(cluster, strict(schema))
    starts = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in command for command in starts if "ray start" in command)
    with pytest.raises(jsonschema.ValidationError, match="head_start_commands"):
        jsonschema.validate({**cluster, "head_start_commands": []}, strict(schema))
