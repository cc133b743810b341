"""What a run would take: a few of its steps are measured in a process of their own, the rest is arithmetic."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from launch.embedded import embedded_command
from launch.hosts.hostfile import read_hosts
from launch.machine.devices import count_cores, count_gpus
from launch.plan_options import PlanOptions
from launch.ranks.cores import bound_to, cores_of_ranks
from launch.ranks.interpreter import module_command
from launch.ranks.local import choose_num_procs
from launch.starting import check_dataset
from sharding.console import command_line, make_console, one_line
from sharding.format.manifest import FILE_NAME
from sharding.storage.place import Url
from trainer.config.errors import ConfigError
from trainer.planning.forecast import GIB, Forecast
from trainer.planning.request import Assumed, Found, PlanRequest, read_json, write_json
from trainer.planning.text import lines, values
from trainer.ranks.exits import FINISHED, WRONG_INPUT
from trainer.runs.config import RunConfig, config_to_dict


def print_plan(options: PlanOptions) -> int:
    """Returns the exit status: WRONG_INPUT if the run cannot fit.

    Raises:
        ConfigError: an impossible setting, or more than memory can hold.
        DatasetError: the data set is damaged.
    """
    num_ranks, here = _ranks(options)
    assumed = _assumed(options)
    request = PlanRequest(
        config=config_to_dict(options.config),
        num_ranks=num_ranks,
        num_steps=options.steps,
        memory_bytes=None if options.memory_gib is None else round(options.memory_gib * GIB),
        ranks_here=here,
        assumed=assumed,
    )
    found = _measure(request, config=options.config)
    if isinstance(found, int):
        return found
    free = shutil.disk_usage(_existing(options.runs)).free
    return _tell(Forecast(config=options.config, num_ranks=num_ranks, found=found, free_disk=free), options)


def _ranks(options: PlanOptions) -> tuple[int, int]:
    """Ranks in all, and how many of them would share this machine or one like it."""
    config, machines = options.config, options.machines
    num_gpus, num_cores = count_gpus(), count_cores()
    config.check_hardware(num_gpus)
    slots = num_gpus if num_gpus and config.engine.device != "cpu" else num_cores
    if machines.hostfile is not None:
        hosts = read_hosts(machines.hostfile, include=machines.include, exclude=machines.exclude)
        asked = options.ranks or machines.num_procs.most or sum(host.slots for host in hosts)
        return asked, min(asked, max(host.slots for host in hosts))
    if options.ranks is not None:
        return options.ranks, min(options.ranks, slots)
    number = choose_num_procs(config, asked=machines.num_procs.most, num_gpus=num_gpus, num_cores=num_cores)
    return number, number


def _assumed(options: PlanOptions) -> Assumed | None:
    """None if the data set is there, and is what the run wants; else what is taken for granted, and said."""
    place = options.config.data.path
    if isinstance(place, Url) or (place / FILE_NAME).is_file():
        check_dataset(options.config)
        return None
    assumed = Assumed(channels=options.channels, num_values=options.values)
    command = embedded_command(place)
    made_by = f" Make it with: {command_line('diptych', 'shard', *command)}" if command else ""
    guess = f"batches are noise with {assumed.channels} channels, and labels have {assumed.num_values} values."
    text = f"{place} is not there: {guess}"
    make_console(stderr=True).print(one_line(text + made_by))
    return assumed


def _measure(request: PlanRequest, *, config: RunConfig) -> Found | int:
    """In a process of its own, with the cores of one rank. The exit status of a process that has said why it fails.

    Raises:
        ConfigError: the kernel has ended it.
    """
    cores = cores_of_ranks(request.ranks_here)[0] if request.ranks_here > 1 and count_gpus() == 0 else set()
    with tempfile.TemporaryDirectory(prefix="diptych-plan-") as folder, bound_to(cores):
        asked, answer = Path(folder) / "request.json", Path(folder) / "answer.json"
        write_json(asked, request)
        make_console(stderr=True).print("a few steps are taken, to measure them ...")
        command = module_command("trainer.planning.measure", str(asked), str(answer))
        threads = str(len(cores) or count_cores())
        status = subprocess.run(command, check=False, env={"OMP_NUM_THREADS": threads, **os.environ}).returncode
        if status < 0:
            ended = f"the process that measured was ended by signal {-status}, as the kernel does where memory is short"
            size = config.train.batch_size_per_gpu
            raise ConfigError("train.batch_size_per_gpu", size, f"{ended}: use a smaller batch, or smaller networks.")
        return status or read_json(answer, Found)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())


def _tell(forecast: Forecast, options: PlanOptions) -> int:
    console = make_console()
    if options.json:
        console.print(json.dumps(values(forecast), indent=1))
    else:
        console.print("\n".join(lines(forecast)))
    refusals = forecast.refusals()
    for error in refusals:
        console.error(error)
    return WRONG_INPUT if refusals else FINISHED
