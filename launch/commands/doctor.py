"""`diptych doctor [DATA]`: whether this machine, or each host of a file, is fit for training; or a data set."""

import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from launch.doctor.check import check_hosts
from launch.doctor.compare import Heard
from launch.doctor.host import look_at_host
from launch.doctor.lines import lines_of
from launch.doctor.lines_text import print_lines, write_lines
from launch.doctor.verdict import say_verdict
from launch.hosts.address import address_seen
from launch.hosts.environment import forwarded
from launch.hosts.host import Host
from launch.hosts.hostfile import read_hosts
from launch.machine.devices import count_cores, count_gpus
from launch.ranks.job import Job, Restarts, run_here, run_job
from launch.ranks.ssh import make_ssh
from launch.ranks.ssh_agents import SshAgents
from launch.ways.on_hosts import here, visible_devices
from sharding.console import command_line, make_console
from sharding.storage.place import Place, parse_place
from trainer.ranks.exits import FINISHED

NOT_FIT = 1
"""Exit status where training on this machine would stop."""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Look at this machine, or at each host of a file: versions and commit, devices, data and runs, room, shared
    memory, clock, port, and of this machine DALI, NCCL, bf16, W&B and the compiled op, too; then time an all-reduce of
    all ranks. Or, given DATA, look at all samples of a data set: twins across splits, views that do not fit, pictures
    of nothing, classes, labels. Nothing is left behind. Exit status: 0 fit; 1 this machine is not fit, or something is
    wrong with the data; 2 a host of the file is not fit, or what was asked is not possible."""

    dataset: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="[DATA]")] = None
    """A data set to look at: the folder with dataset.json, or its address (s3://, gs://, http://, https://)."""
    limit: int | None = None
    """Of a data set: look at no more samples of each split, evenly spread. All, if not given."""
    most_shift: float = 2.0
    """Of a data set: pixels by which a view of a sample may be off before it is named."""
    html: Path | None = None
    """Of a data set: a page to write, with the pictures that are named."""
    json: Path | None = None
    """A file to write all figures to, as JSON."""
    hosts: Annotated[Path | None, tyro.conf.arg(aliases=("--hostfile",))] = None
    """Look at the hosts of this file, over ssh: lines of `host slots=n`."""
    include: str = ""
    """Of the file only these, e.g. `n1@n2:0,2`."""
    exclude: str = ""
    """Of the file all but these."""
    ssh_port: int | None = None
    """Of sshd on all hosts, if ssh's own configuration does not say it."""
    env: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME")] = ()
    """One more variable of the environment that the other hosts get."""
    data: str | None = None
    """A data set that all hosts are to have, e.g. data/earth-128 or s3://bucket/earth."""
    runs: Path = Path("runs")
    """Folder where runs are to be written."""
    num_procs: int = 0
    """Ranks of this machine: one for each GPU, or two on its cores, if not given."""


def main(argv: list[str]) -> int:
    """Print what is found. Returns the exit status.

    Raises:
        ConfigError: no such hostfile, a host that does not answer, or one that is not fit.
    """
    options = tyro.cli(DoctorOptions, args=argv, prog="diptych doctor")
    if options.dataset is not None:
        return _look_at_dataset(parse_place(options.dataset), options)
    data = None if options.data is None else parse_place(options.data)
    with tempfile.TemporaryDirectory(prefix="diptych-doctor-") as folder:
        run = Path(folder) / "run"
        run.mkdir()
        if options.hosts is not None:
            return _look_at_hosts(options.hosts, options, data, run)
        return _look_here(options, data, run)


def _look_at_dataset(place: Place, options: DoctorOptions) -> int:
    from launch.doctor.data import look_at_data  # a machine is looked at without NumPy

    return look_at_data(
        place,
        make_console(),
        limit=options.limit,
        most_shift=options.most_shift,
        page=options.html,
        record=options.json,
    )


def _look_here(options: DoctorOptions, data: Place | None, run: Path) -> int:
    from launch.doctor.machine import look_here

    number = options.num_procs or count_gpus() or min(2, count_cores())
    report = look_at_host(socket.gethostname(), run=options.runs, data=data)
    fatal = say_verdict([Heard(report=report, num_ranks=number, skew_s=0.0)])
    lines = lines_of(look_here(report, fatal, runs=options.runs, data=data))
    print_lines(make_console(), lines)
    if options.json is not None:
        write_lines(options.json, report, lines)
    if any(line.state == "wrong" for line in lines):
        make_console(stderr=True).error("this machine is not fit. No rank was started.")
        return NOT_FIT
    return run_here(_probe(run, [Host(report.host, number)])) if number > 1 else FINISHED


def _look_at_hosts(hostfile: Path, options: DoctorOptions, data: Place | None, run: Path) -> int:
    hosts = read_hosts(hostfile, include=options.include, exclude=options.exclude)
    variables = forwarded(os.environ, also=options.env)
    ssh = make_ssh(here(), environment=variables, port=options.ssh_port)

    def environment(host: Host) -> dict[str, str]:
        return {**variables, **visible_devices(host)}

    answers = check_hosts(hosts, ssh=ssh, run=options.runs, data=data, environment=environment)
    if sum(host.slots for host in hosts) == 1:
        return FINISHED
    agents = SshAgents(run, ssh=ssh, environment=environment)
    return run_job(_probe(run, hosts), agents=agents, address=address_seen([each.connection for each in answers]))


def _probe(run: Path, hosts: list[Host]) -> Job:
    ranks = sum(host.slots for host in hosts)
    return Job(
        run=run,
        hosts=hosts,
        num_procs=(ranks, ranks),
        again=command_line("diptych", "doctor"),
        restarts=Restarts(limit=0),
        is_looked_at=True,
        probe=True,
    )
