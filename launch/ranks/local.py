"""The ranks of one machine."""

from pathlib import Path

from launch.machine.devices import count_cores, count_gpus
from launch.ranks.group import run_ranks
from launch.ranks.interpreter import module_command
from sharding.console import command_line, counted, make_console
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


def start_ranks(run: Path, *, config: RunConfig, asked: int) -> int:
    """Train the run in folder `run` on this machine, and wait for its end. Returns the exit status."""
    num_gpus, num_cores = count_gpus(), count_cores()
    config.check_hardware(num_gpus)
    num_procs = choose_num_procs(config, asked=asked, num_gpus=num_gpus, num_cores=num_cores)
    settle_batch(RunDir(run), config, num_ranks=num_procs)  # an impossible number is told before any rank starts
    share_cores(max(1, num_cores // num_procs))
    if num_procs > 1:
        return _start_group(run, num_procs)
    from trainer.main import main

    return main(run)


def _start_group(run: Path, num_procs: int) -> int:
    again = command_line("diptych", "train", "--resume", run, "--num-procs", str(num_procs))
    remedy = f"Is there enough memory? To go on: {again}"
    try:
        return run_ranks(module_command("trainer.main", str(run)), num_procs, remedy=remedy)
    except OSError as error:  # no Python, processes or room in the temporary folder
        make_console(stderr=True).error(f"{counted(num_procs, 'rank')} could not be started: {error}")
        return 1
