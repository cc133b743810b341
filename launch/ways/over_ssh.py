"""A run on the hosts of a hostfile, whose agents ssh starts."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from launch.doctor.check import check_hosts
from launch.hosts.address import address_seen
from launch.hosts.environment import forwarded, shown
from launch.hosts.host import Host
from launch.ranks.agent import agent_command
from launch.ranks.job import run_job
from launch.ranks.ssh import Ssh, make_ssh
from launch.ranks.ssh_agents import SshAgents
from launch.ways.on_hosts import describe_places, find_places, here, make_job, require_port, visible_devices
from launch.ways.way import Request, Step, Way
from sharding.console import command_line
from trainer.runs.rundir import RunDir


def _environment(request: Request) -> dict[str, str]:
    return forwarded(os.environ, also=request.machines.env)


def _of_host(environment: Mapping[str, str]) -> Callable[[Host], dict[str, str]]:
    return lambda host: {**environment, **visible_devices(host)}


def _ssh(request: Request) -> Ssh:
    return make_ssh(here(), environment=_environment(request), port=request.machines.ssh_port)


def _check(request: Request) -> None:
    find_places(request)
    _environment(request)


def _describe(request: Request) -> list[Step]:
    places, ssh = find_places(request), _ssh(request)
    commands = [
        command_line(*ssh.command(host.name, agent_command(request.run, host=host, where="ADDRESS:PORT")))
        for host in places.hosts
    ]
    common = _comments("over its standard input, to it and the others:", shown(_environment(request)))
    texts = [
        _comments("to it alone:", [f"{name}={value}" for name, value in visible_devices(host).items()])
        for host in places.hosts
    ]
    texts[0] = "\n".join(filter(None, [common, texts[0]]))
    return describe_places(places, commands, texts)


def _comments(title: str, lines: list[str]) -> str:
    return "\n".join([f"# {title}", *(f"#   {line}" for line in lines)]) if lines else ""


def _start(request: Request) -> int:
    places, ssh, environment = find_places(request), _ssh(request), _of_host(_environment(request))
    config = request.config
    answers = check_hosts(
        places.hosts,
        ssh=ssh,
        run=request.run,
        data=config.data.path,
        environment=environment,
        device=config.engine.device,
    )
    config.check_hardware(min(len(answer.heard.report.gpus) for answer in answers if answer.heard is not None))
    address = address_seen([answer.connection for answer in answers])
    require_port(address, 0, remedy="hosts see this machine there; start on one of the hosts, or use --node-rank.")

    def train(run: RunDir) -> int:
        agents = SshAgents(run.path, ssh=ssh, environment=environment)
        job = replace(make_job(request, places, run), is_looked_at=True)
        return run_job(job, agents=agents, address=address)

    return request.in_run(train)


OVER_SSH = Way(
    name="over ssh",
    flag="--hostfile",
    is_asked=lambda machines: machines.hostfile is not None and machines.node_rank is None,
    uses=frozenset({"num_procs", "include", "exclude", "env", "ssh_port", "max_restarts"}),
    check=_check,
    describe=_describe,
    start=_start,
)
