"""A run on this machine: all its GPUs, or processes on its cores."""

from launch.doctor.check import require_fit
from launch.doctor.compare import Heard
from launch.doctor.host import look_at_host
from launch.doctor.verdict import say_verdict
from launch.machine.devices import count_cores, count_gpus
from launch.ranks.interpreter import module_command
from launch.ranks.job import Restarts
from launch.ranks.local import choose_num_procs, start_ranks
from launch.ways.way import Request, Step, Way
from sharding.console import command_line
from trainer.checkpoints.batch import kept_global_batch
from trainer.runs.batches import allowed_ranks
from trainer.runs.rundir import RunDir


def _check(request: Request) -> None:
    request.config.check_hardware(count_gpus())
    _num_procs(request)


def _num_procs(request: Request) -> int:
    asked, num_gpus, num_cores = request.machines.num_procs, count_gpus(), count_cores()
    number = asked.most
    if asked.is_range:
        there = num_gpus if num_gpus and request.config.engine.device != "cpu" else num_cores
        number = _most_that_share(request, asked.least, max(asked.least, min(asked.most, there)))
    return choose_num_procs(request.config, asked=number, num_gpus=num_gpus, num_cores=num_cores)


def _most_that_share(request: Request, least: int, most: int) -> int:
    """The most ranks that can share the run's global batch; `most` where none can, for the error that tells which."""
    run = RunDir(request.run)
    kept = kept_global_batch(run) if run.run_file.exists() else None
    return next(iter(allowed_ranks(request.config, global_batch=kept, among=range(most, least - 1, -1))), most)


def _describe(request: Request) -> list[Step]:
    command = command_line(*module_command("trainer.main", str(request.run)))
    return [Step(host="this machine", command=command, ranks=range(_num_procs(request)))]


def _start(request: Request) -> int:
    report = look_at_host("this machine", run=request.run)
    heard = Heard(report=report, num_ranks=_num_procs(request), skew_s=0.0)
    require_fit(say_verdict([heard], device=request.config.engine.device, table=False))
    restarts = Restarts(limit=request.machines.max_restarts)
    return request.in_run(
        lambda run: start_ranks(run.path, config=request.config, asked=_num_procs(request), restarts=restarts),
    )


HERE = Way(
    name="on this machine",
    flag="",
    is_asked=lambda machines: True,
    uses=frozenset({"num_procs", "max_restarts"}),
    check=_check,
    describe=_describe,
    start=_start,
)
