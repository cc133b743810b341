"""`--ray`: the ranks as actors on a Ray cluster."""

import os

from launch.hosts.environment import forwarded, shown
from launch.on_ray.options import RayOptions
from launch.on_ray.plan import check_address
from launch.ranks.interpreter import module_command
from launch.ways.way import Request, Step, Way
from sharding.console import command_line, counted


def _options(request: Request) -> RayOptions:
    return request.machines.on_ray


def _check(request: Request) -> None:
    check_address(_options(request).ray)
    forwarded(os.environ, also=request.machines.env)


def _describe(request: Request) -> list[Step]:
    """Nobody is asked, so that the cluster's GPUs are not known."""
    options, asked = _options(request), request.machines.num_procs
    number = range(asked.most) if asked.is_asked and not asked.is_range else None
    rank = command_line(*module_command("trainer.main", str(request.run.absolute())))
    cluster = "this machine's Ray cluster" if options.ray == "auto" else f"the Ray cluster at {options.ray}"
    environment = " ".join(shown(forwarded(os.environ, also=request.machines.env)))
    text = f"# one placement group, {options.ray_strategy}: {_bundles(request)}\n# environment: {environment}"
    return [Step(host=cluster, command=rank, ranks=number, text=text)]


def _bundles(request: Request) -> str:
    asked, cpus = request.machines.num_procs, _options(request).cpus_per_rank
    number = f"{asked} bundles" if asked.is_asked else "a bundle for each GPU of the cluster, one if it has none"
    share = counted(cpus, "CPU") if cpus else "an even share of the machines' CPUs"
    gpu = "" if request.config.engine.device == "cpu" else ", and a GPU where the cluster has any"
    return f"{number}, each {share}{gpu}"


def _start(request: Request) -> int:
    from launch.on_ray.launch import launch_on_ray

    return launch_on_ray(request)


ON_RAY = Way(
    name="on Ray",
    flag="--ray",
    is_asked=lambda machines: machines.on_ray.ray != "",
    uses=frozenset({"num_procs", "cpus_per_rank", "ray_strategy", "ray_wait_s", "env", "max_restarts"}),
    check=_check,
    describe=_describe,
    start=_start,
)
