"""A run by Slurm: its script is written into the run's folder and submitted; jobs then queue themselves again."""

import contextlib
import os
from dataclasses import fields
from pathlib import Path

from launch.hosts.environment import forwarded
from launch.hosts.num_procs import CORES_PER_RANK, NumProcs
from launch.ranks.interpreter import module_command
from launch.slurm.arguments import JobArguments
from launch.slurm.controller import SlurmError, queued_state, require_slurm, submit
from launch.slurm.cycles import note_submitted, read_cycle
from launch.slurm.options import SlurmOptions
from launch.slurm.script import FOLDER, Settings, script_path, script_text
from launch.ways.way import Request, Step, Way
from sharding.console import command_line, counted, make_console
from sharding.storage.files import write_atomically
from trainer.checkpoints.batch import kept_global_batch, settle_batch
from trainer.config.errors import ConfigError, require
from trainer.ranks.exits import FAILED
from trainer.runs.batches import allowed_ranks
from trainer.runs.rundir import RunDir


def settings_of(request: Request, run: Path) -> Settings:
    """What the script of a run says.

    Raises:
        ConfigError: no nodes or GPUs are asked for, or more ranks than they can take.
    """
    machines, device = request.machines, request.config.engine.device
    options = machines.slurm.with_defaults(os.environ)
    options.check()
    nodes, gpus = machines.nodes, gpus_of(options, device=device)
    require(nodes > 0, "nodes", nodes, "say how many nodes of the cluster train.")
    slots = slots_of(machines.num_procs, nodes=nodes, gpus=gpus)
    path = run.absolute()
    arguments = JobArguments(run=path, slots=slots, max_restarts=machines.max_restarts, num_procs=machines.num_procs)
    return Settings(
        run=path,
        folder=Path.cwd(),
        options=options,
        nodes=nodes,
        slots=slots,
        gpus=gpus,
        cores=slots * (machines.on_ray.cpus_per_rank or CORES_PER_RANK[gpus > 0]),
        command=module_command("launch.slurm.job", *arguments.words()),
        outlives_nodes=machines.num_procs.is_range,
        exported=tuple(forwarded(os.environ, also=machines.env)),
    )


def gpus_of(options: SlurmOptions, *, device: str) -> int:
    """GPUs of each node. Raises ConfigError where nobody said: ranks on CPUs must not be an oversight."""
    asked, in_gres = options.gpus_per_node, options.gres_gpus
    if asked is None and not in_gres and device != "cpu":
        remedy = "say how many GPUs of each node train, or use 0 (ranks on the CPU)."
        raise ConfigError("gpus_per_node", None, remedy)
    remedy = f"but --gres asks for {in_gres}: leave one of them away."
    require(asked is None or in_gres in (0, asked), "gpus_per_node", asked, remedy)
    gpus = asked or in_gres
    require(gpus == 0 or device != "cpu", "gpus_per_node", gpus, "would idle with engine.device = 'cpu'; use 0.")
    return gpus


def slots_of(asked: NumProcs, *, nodes: int, gpus: int) -> int:
    """Ranks that each node can take: one for each GPU, or as many as share the number that is asked for.

    Raises:
        ConfigError: more ranks are asked for than the nodes can take.
    """
    slots = gpus or max(1, -(-asked.most // nodes))
    there = slots * nodes
    remedy = f"{counted(nodes, 'node')} with {counted(slots, 'GPU')} each take up to {there} ranks."
    require(asked.most <= there, "num_procs", str(asked), remedy)
    return slots


def _check(request: Request) -> None:
    settings = settings_of(request, request.run)
    request.config.check_hardware(settings.gpus)
    script_text(settings)


def _describe(request: Request) -> list[Step]:
    text = script_text(settings_of(request, request.run))
    command = command_line("sbatch", "--parsable", script_path(request.run))
    return [Step(host="Slurm", command=command, text=text)]


def _start(request: Request) -> int:
    require_slurm()
    return request.in_run(lambda run: _submit(request, run))


def _submit(request: Request, run: RunDir) -> int:
    _refuse_second(run)
    settings = settings_of(request, run.path)
    _check_ranks(request, run, settings)
    script = script_path(run.path)
    script.parent.mkdir(exist_ok=True)
    write_atomically(script, script_text(settings).encode())
    try:
        job = submit(script)
    except SlurmError as error:
        script.unlink()
        with contextlib.suppress(OSError):  # of a former job, there is more in it
            script.parent.rmdir()
        remedy = "`sinfo` lists partitions and their limits; --dry-run shows the script."
        make_console(stderr=True).error(f"nothing was submitted. {error}. {remedy}")
        return FAILED
    note_submitted(run, job=job)
    _tell(request, run, job)
    return 0


def _refuse_second(run: RunDir) -> None:
    """Two jobs of one run would write into each other's files. Raises ConfigError if one is there."""
    newest = read_cycle(run)
    state = "" if newest is None else queued_state(newest.job)
    if newest is not None and state:
        remedy = f"of this run is {state} already, and goes on to the end. To end it: scancel {newest.job}"
        raise ConfigError("job", newest.job, remedy)


def _check_ranks(request: Request, run: RunDir, settings: Settings) -> None:
    """Raise ConfigError for numbers of ranks that cannot share the run's global batch: no job is to wait for that."""
    asked, everything = request.machines.num_procs, settings.slots * settings.nodes
    least, most = (asked.least, asked.most) if asked.is_asked else (everything, everything)
    possible = range(least, most + 1)
    if not allowed_ranks(request.config, global_batch=kept_global_batch(run), among=possible):
        settle_batch(run, request.config, num_ranks=most)


def _tell(request: Request, run: RunDir, job: str) -> None:
    console = make_console()
    nodes = counted(request.machines.nodes, "node")
    log = run.path / FOLDER / f"job-{job}.log"
    console.print(f"submitted: job {job} on {nodes}; it comes back after each time limit until training has ended")
    console.print(f"watch: squeue --job {job}; {command_line('tail', '-F', log)}")
    console.print(f"stop: {command_line('diptych', 'stop', run.path)}, which saves; scancel {job}")


_OWN_FLAGS = {field.name for field in fields(SlurmOptions)}

SLURM = Way(
    name="by Slurm",
    flag="--slurm",
    is_asked=lambda machines: machines.slurm.slurm,
    uses=frozenset({"num_procs", "nodes", "cpus_per_rank", "env", "max_restarts"} | _OWN_FLAGS),
    check=_check,
    describe=_describe,
    start=_start,
)
