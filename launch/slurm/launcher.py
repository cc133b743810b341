"""`python -m launch.slurm.launcher RUN ...`: the launcher of a job's ranks, on the job's first node."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from launch.hosts.host import Host
from launch.hosts.num_procs import bounds_among
from launch.ranks.job import run_job
from launch.slurm.agents import SlurmAgents
from launch.slurm.arguments import JobArguments, parse_arguments
from launch.slurm.controller import SlurmError, host_names, own_address
from launch.slurm.script import script_path
from launch.ways.on_hosts import Places, settled_job
from sharding.console import command_line, guard_terminal, make_console
from sharding.errors import DatasetError
from trainer.config.errors import ConfigError
from trainer.ranks.exits import FAILED, MACHINE_DIED, WRONG_INPUT
from trainer.runs.rundir import RunDir


def main(argv: Sequence[str]) -> int:
    """Train on all nodes of the job that this process runs in. Returns the exit status."""
    console = make_console(stderr=True)
    try:
        return _launch(parse_arguments(argv))
    except ConfigError as error:
        console.error(error)
        return WRONG_INPUT
    except DatasetError as error:
        console.error(error)
        return FAILED
    except (SlurmError, OSError) as error:
        console.error(error)
        return MACHINE_DIED


def _launch(options: JobArguments) -> int:
    run = RunDir(options.run)
    hosts = [Host(name, options.slots) for name in host_names(os.environ["SLURM_JOB_NODELIST"])]
    places = Places(hosts=hosts, num_procs=bounds_among(hosts, options.num_procs))
    again = command_line("sbatch", script_path(run.path))
    job = settled_job(run, run.config(), places=places, max_restarts=options.max_restarts, again=again)
    first = os.environ["SLURMD_NODENAME"]
    address = own_address(first, [host.name for host in hosts if host.name != first])
    # Whose nodes these are Slurm has decided: with others the next job may have more luck.
    return run_job(replace(job, is_strict=False), agents=SlurmAgents(run.path), address=address)


if __name__ == "__main__":
    guard_terminal()
    sys.exit(main(sys.argv[1:]))
