"""A launch on a Ray cluster: what is needed is reserved, then one agent in each bundle watches over one rank."""

import os
from pathlib import Path

from launch.hosts.environment import forwarded
from launch.on_ray.agents import Errand, RayAgents
from launch.on_ray.cluster import all_nodes, connected, free_nodes, machines_of, own_address, reserved
from launch.on_ray.plan import choose_ranks, describe_needs, name_hosts
from launch.ranks.job import run_job
from launch.ways.on_hosts import Places, make_job
from launch.ways.way import Request
from sharding.console import make_console
from trainer.runs.rundir import RunDir


def launch_on_ray(request: Request) -> int:
    """Train, and wait for the end. Returns the exit status.

    Raises:
        ConfigError: no cluster answers, or it lacks what is asked for.
    """
    machines, options = request.machines, request.machines.on_ray
    console = make_console()
    with connected(options.ray) as address:
        number, needs = choose_ranks(
            all_nodes(),
            asked=machines.num_procs,
            device=request.config.engine.device,
            cpus_per_rank=options.cpus_per_rank,
            one_each=options.ray_strategy == "strict-spread",
            free=free_nodes(),
        )
        console.print(f"Ray cluster at {address}: {describe_needs(number, needs)}")
        with reserved(
            number, needs, strategy=options.ray_strategy, wait_s=options.ray_wait_s, say=console.print
        ) as group:
            hosts = name_hosts(machines_of(group))

            def train(run: RunDir) -> int:
                errand = _errand(request, run)
                agents = RayAgents(
                    group, hosts, needs=needs, errand=errand, wait_s=options.ray_wait_s, say=console.print
                )
                least = min(number, machines.num_procs.least or number)
                places = Places(hosts=[host for host, _ in hosts], num_procs=(least, number))
                job = make_job(request, places, run)
                return run_job(job, agents=agents, address=own_address())

            return request.in_run(train)


def _errand(request: Request, run: RunDir) -> Errand:
    return Errand(
        run=run.path.absolute(),
        folder=Path.cwd(),
        environment=forwarded(os.environ, also=request.machines.env),
    )
