"""`python -m launch.slurm.launcher RUN ...`: the launcher of a job's ranks, on the job's first node."""

import os
import sys
from collections.abc import Sequence

from launch.hosts.host import Host
from launch.ranks.job import Job, Restarts, run_job
from launch.slurm.agents import SlurmAgents
from launch.slurm.arguments import JobArguments, parse_arguments
from launch.slurm.controller import SlurmError, address_of, host_names
from launch.slurm.script import script_path
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
    everything, asked = len(hosts) * options.slots, options.num_procs
    job = Job(
        run=run.path,
        hosts=hosts,
        num_procs=(asked.least, asked.most) if asked.is_asked else (everything, everything),
        restarts=Restarts(limit=options.max_restarts),
        again=command_line("sbatch", script_path(run.path)),
        device=run.config().engine.device,
    )
    agents = SlurmAgents(run.path, gpus=options.gpus)
    return run_job(job, agents=agents, address=address_of(os.environ["SLURMD_NODENAME"]))


if __name__ == "__main__":
    guard_terminal()
    sys.exit(main(sys.argv[1:]))
