"""A run on the hosts of a hostfile, each of which is given the command, with its number: without ssh."""

import os
import socket
from ipaddress import ip_address

from launch.arguments import without_flags
from launch.doctor.check import require_fit
from launch.doctor.compare import Finding, Heard
from launch.doctor.host import look_at_host
from launch.doctor.verdict import say_verdict
from launch.hosts.host import Host
from launch.ranks.agent import TOKEN_VARIABLE, run_agent
from launch.ranks.awaited import AwaitedAgents
from launch.ranks.job import run_job
from launch.ways.on_hosts import Places, describe_places, find_places, make_job, require_port, visible_devices
from launch.ways.way import Request, Step, Way
from sharding.console import command_line, make_console
from trainer.config.errors import ConfigError, require
from trainer.ranks.exits import WRONG_INPUT
from trainer.runs.rundir import RunDir

_OWN_FLAGS = {"--node-rank": 1, "--dry-run": 0}
_LEAST_TOKEN = 16  # characters


def _check(request: Request) -> None:
    places, number = find_places(request), request.machines.node_rank
    most = len(places.hosts) - 1
    require(number is not None and number <= most, "node_rank", number, f"the hosts have the numbers 0 to {most}.")


def _describe(request: Request) -> list[Step]:
    places = find_places(request)
    words = without_flags(request.words, _OWN_FLAGS)
    commands = [
        f"{TOKEN_VARIABLE}=*** {command_line('diptych', request.command, *words, '--node-rank', str(number))}"
        for number in range(len(places.hosts))
    ]
    return describe_places(places, commands, [""] * len(commands))


def _token() -> str:
    token = os.environ.get(TOKEN_VARIABLE, "")
    remedy = "set it to the same secret on all hosts: export the words of one `openssl rand -hex 32`."
    require(len(token) >= _LEAST_TOKEN, TOKEN_VARIABLE, "too short" if token else "", remedy)
    return token


def _first_address(host: Host, *, is_alone: bool) -> str:
    """Where the first host listens. Raises ConfigError if others could not reach it there."""
    try:
        address = str(socket.getaddrinfo(host.name, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        remedy = f"its name is not known here ({error.strerror}); write its address into the hostfile."
        raise ConfigError("hostfile", host.name, remedy) from error
    if ip_address(address.partition("%")[0]).is_loopback and not is_alone:
        remedy = f"is {address} here, where no other host reaches it; write its address into the hostfile on all hosts."
        raise ConfigError("hostfile", host.name, remedy)
    return address


def _start(request: Request) -> int:
    places, token = find_places(request), _token()
    number, port, first = request.machines.node_rank, request.machines.master_port, places.hosts[0]
    assert number is not None
    host = places.hosts[number]
    address = _first_address(first, is_alone=len(places.hosts) == 1)
    if number == 0:
        require_port(address, 0, remedy=f"this machine is not {first.name}: run --node-rank 0 on {first.name}.")
        require_port(address, port, remedy="give another --master-port on all hosts.")
    faults = _look_at_this(request, host)
    os.environ.update(visible_devices(host))
    if number > 0:
        return _serve(request, host, faults, first=first.name, address=address, token=token)
    require_fit(faults)
    return request.in_run(lambda run: _coordinate(request, places, run, address=address, token=token))


def _serve(request: Request, host: Host, faults: list[Finding], *, first: str, address: str, token: str) -> int:
    """Train what the first host says. If this one is not fit, it hears so from it, and need not wait in vain."""
    console, port = make_console(), request.machines.master_port
    does, is_fit = f"trains what {first} says", True
    try:
        require_fit(faults)
    except ConfigError as error:
        does, is_fit = f"tells {first}", False
        make_console(stderr=True).error(str(error))
    console.print(f"{host.name} {does}, at {address}:{port}.")
    status = run_agent(request.run, coordinator=(address, port), host=host, token=token)
    return status if is_fit else WRONG_INPUT


def _look_at_this(request: Request, host: Host) -> list[Finding]:
    """What makes this machine unfit for any run. Raises ConfigError where it is unfit for this one's arithmetic."""
    config = request.config
    report = look_at_host(host.name, run=request.run, data=config.data.path)
    config.check_hardware(len(report.gpus))
    heard = Heard(report=report, num_ranks=host.slots, skew_s=0.0)
    return say_verdict([heard], device=config.engine.device, table=False)


def _coordinate(request: Request, places: Places, run: RunDir, *, address: str, token: str) -> int:
    agents = AwaitedAgents(run.path, own=places.hosts[0])
    job, port = make_job(request, places, run), request.machines.master_port
    return run_job(job, agents=agents, address=address, port=port, token=token)


BY_HAND = Way(
    name="by hand",
    flag="--node-rank",
    is_asked=lambda machines: machines.node_rank is not None,
    uses=frozenset({"num_procs", "hostfile", "include", "exclude", "master_port", "max_restarts"}),
    check=_check,
    describe=_describe,
    start=_start,
)
