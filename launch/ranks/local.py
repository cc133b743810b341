"""The ranks of one machine."""

import socket
from pathlib import Path

from launch.hosts.host import Host
from launch.machine.devices import count_cores, count_gpus
from launch.ranks.job import DEFAULT_RESTARTS, Job, Restarts, run_here
from sharding.console import command_line
from trainer.checkpoints.batch import settle_batch
from trainer.config.errors import ConfigError
from trainer.ranks.threads import share_cores
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir


def choose_num_procs(config: RunConfig, *, asked: int, num_gpus: int, num_cores: int) -> int:
    """Ranks to start: one for each GPU, or one on the CPU, unless `asked` (0 is not asked) says otherwise.

    Raises:
        ConfigError: more ranks than GPUs, or than cores.
    """
    use_gpus = num_gpus > 0 and config.engine.device != "cpu"
    if asked == 0:
        return num_gpus if use_gpus else 1
    most, things = (num_gpus, "GPUs") if use_gpus else (num_cores, "CPU cores")
    if not 1 <= asked <= most:
        raise ConfigError("num_procs", asked, f"this machine has {most} {things}; use 1 to {most}.")
    return asked


def start_ranks(run: Path, *, config: RunConfig, asked: int, restarts: Restarts = DEFAULT_RESTARTS) -> int:
    """Train the run in folder `run` on this machine, and wait for its end. Returns the exit status.

    Raises:
        ConfigError: more ranks than this machine can take, or another process trains this run.
    """
    num_gpus, num_cores = count_gpus(), count_cores()
    config.check_hardware(num_gpus)
    num_procs = choose_num_procs(config, asked=asked, num_gpus=num_gpus, num_cores=num_cores)
    settle_batch(RunDir(run), config, num_ranks=num_procs)  # an impossible number is told before any rank starts
    if num_procs > 1:
        return run_here(_local_job(run, config, num_procs, restarts))
    share_cores(num_cores)
    from trainer.main import main

    return main(run)


def _local_job(run: Path, config: RunConfig, num_procs: int, restarts: Restarts) -> Job:
    return Job(
        run=run,
        hosts=[Host(socket.gethostname(), num_procs)],
        num_procs=(num_procs, num_procs),
        restarts=restarts,
        again=command_line("diptych", "train", "--resume", run, "--num-procs", str(num_procs)),
        device=config.engine.device,
    )
