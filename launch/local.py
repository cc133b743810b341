"""The ranks of one machine."""

import logging
import os
import sys
from pathlib import Path

from launch.devices import count_cores, count_gpus
from trainer.config import ConfigError, RunConfig


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


def start_ranks(run: Path, *, config: RunConfig, asked: int) -> int:
    """Train the run in folder `run` on this machine, and wait for its end. Returns the exit status."""
    num_gpus, num_cores = count_gpus(), count_cores()
    config.check_hardware(num_gpus)
    num_procs = choose_num_procs(config, asked=asked, num_gpus=num_gpus, num_cores=num_cores)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, num_cores // num_procs)))
    # Idle threads sleep: spinning, they take the core from DALI's threads and from other processes of the machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if num_procs > 1:
        return _start_elastic(run, num_procs)
    from trainer.main import main

    return main(run)


def _start_elastic(run: Path, num_procs: int) -> int:
    """torch's launcher starts the ranks, passes signals on, and ends all if one fails."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # Its log lines and tracebacks would bury the message of the rank that failed.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_procs,
        run_id=run.name,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        max_restarts=0,
        monitor_interval=0.2,
    )
    command = [sys.executable, "-m", "trainer.main", str(run)]
    try:
        elastic_launch(config, command[0])(*command[1:])
    except ChildFailedError as error:
        return error.get_first_failure()[1].exitcode
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0
