"""Opens a run: makes the parts of its training loop, goes to its newest checkpoint, and hands them over."""

from sharding.console import counted, make_console
from sharding.storage.records import RecordError
from trainer.checkpoints.batch import settle_batch
from trainer.checkpoints.begin import begin_from_origin
from trainer.checkpoints.layout import STATE_FILE, CheckpointError
from trainer.checkpoints.progress import Progress
from trainer.checkpoints.remote.upload import Uploader
from trainer.checkpoints.store import Checkpoints
from trainer.data.loader import Loader
from trainer.data.randomness import seed_torch
from trainer.data.subject import Subject
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.engine.frozen import freeze
from trainer.evaluation.scores import check_kept_score
from trainer.inference.translator import averaged_translator
from trainer.loop.clock import Clock
from trainer.loop.events import Event, every
from trainer.loop.held_out import HeldOut
from trainer.loop.keepers import make_keepers
from trainer.loop.loggers import make_loggers
from trainer.loop.measures import Measures
from trainer.loop.meter import Meter
from trainer.loop.status import StatusWriter
from trainer.loop.trainer import Trainer
from trainer.methods.base import Method
from trainer.methods.registry import build_method
from trainer.monitoring.metrics_file import read_metrics
from trainer.ranks.world import World
from trainer.reports.page import check_report
from trainer.runs.batches import note_global_batch, planned
from trainer.runs.config import RunConfig
from trainer.runs.contents import checked_rank_states
from trainer.runs.machine import describe_ranks, note_machine
from trainer.runs.opened import OpenRun
from trainer.runs.task import resolve_task


def open_trainer(opened: OpenRun, *, world: World, to_console: bool = True) -> Trainer:
    """One run on one rank, to be continued from its newest whole checkpoint if it has one.

    Args:
        opened: the run, with what it learns from.
        world: this rank among all.
        to_console: show progress (sweeps have a table of their own).

    Raises:
        ConfigError: a file of the run is damaged, or the data set lacks what the run wants of it.
        CheckpointError: it has checkpoints, and none can be loaded.
    """
    config = _shared(opened, world=world, to_console=to_console)
    _check(opened, world)
    engine, average = _make_engine(config, _make_method(opened, world=world, to_console=to_console), world=world)
    checkpoints = _make_checkpoints(opened, engine=engine, average=average, world=world)
    progress, elapsed_s = _resume(checkpoints, meter := Meter())
    position = progress.position
    translator = averaged_translator(engine.method, average, config=config, device=world.device)
    loader = _open_loader(config, opened.subject, world=world, position=position)
    trainer = Trainer(
        config=config,
        world=world,
        engine=engine,
        average=average,
        loader=loader,
        held_out=HeldOut(opened, world=world, translator=translator),
        checkpoints=checkpoints,
        loggers=make_loggers(opened, world=world, position=position, to_console=to_console),
        meter=meter,
        measures=_make_measures(opened, engine, average, loader=loader, world=world),
        clock=Clock(position=position, elapsed_s=elapsed_s),
        position=position,
        step_number=progress.step,
        standing=progress.standing,
        keepers=make_keepers(config),
        status=StatusWriter(opened.run, world=world, total=config.train.total_images) if world.is_main else None,
    )
    trainer.events += _events(trainer)
    if world.is_main and not trainer.is_finished:
        opened.run.forget_early_stop()  # as of a later checkpoint, which is gone
    return trainer


def _shared(opened: OpenRun, *, world: World, to_console: bool) -> RunConfig:
    """The configuration with what each of these ranks takes of the run's global batch, which is noted if it is new."""
    global_batch, plan = settle_batch(opened.run, opened.config, num_ranks=world.size)
    config = planned(opened.config, plan)
    if world.is_main:
        note_global_batch(opened.run, global_batch)
        note_machine(opened.run, describe_ranks(world.size, gpu=world.gpu_name))
        if config != opened.config and to_console:
            ranks = counted(world.size, "rank")
            batches = counted(plan.accumulation, "micro-batch", "micro-batches")
            make_console().print(
                f"{global_batch} images to a step, as the run began: {batches} of {plan.micro_batch} on {ranks}"
            )
    return config


def _check(opened: OpenRun, world: World) -> None:
    """What is damaged or impossible is told before anything is loaded."""
    if world.is_main and opened.config.log.prometheus_port:
        from trainer.monitoring.prometheus import require_port

        require_port(opened.config.log)
    read_metrics(opened.run.metrics_file)
    check_report(opened.run)
    config = opened.config
    wanted = config.evaluate
    kept = config.checkpoint.keep_best
    check_kept_score(kept, opened.subject, encoder=wanted.on_the_way, fcn=wanted.fcn is not None)


def _events(trainer: Trainer) -> list[Event]:
    """What is due on the way, in this order where several are."""
    config = trainer.config
    return [
        every(config.log.period_kimg, trainer.log_metrics),
        every(config.evaluate.period_kimg, trainer.evaluate),
        every(config.samples.period_kimg, trainer.draw_samples),
        every(config.checkpoint.period_kimg, trainer.save),
    ]


def _make_method(opened: OpenRun, *, world: World, to_console: bool) -> Method:
    """The method's players with their first weights, drawn or another run's."""
    config = opened.config
    seed_torch(config.train.seed, "weights")
    method = build_method(config.method, resolve_task(opened.subject))
    begin_from_origin(opened.run, method, world=world, to_console=to_console)
    freeze(method.players, config.train.frozen)
    return method


def _make_engine(config: RunConfig, method: Method, *, world: World) -> tuple[Engine, MovingAverage]:
    """What trains a method's players, and the averages that follow them."""
    engine = Engine(
        method,
        config=config.engine,
        optimizer=config.optimizer,
        batch_size_per_gpu=config.train.batch_size_per_gpu,
        world=world,
    )
    if config.log.trace_losses:
        engine.trace.turn_on()
    with engine.gathered() as networks:
        return engine, MovingAverage(networks, half_life_kimg=config.train.ema_half_life_kimg)


def _make_checkpoints(opened: OpenRun, *, engine: Engine, average: MovingAverage, world: World) -> Checkpoints:
    run, config = opened.run, opened.config.checkpoint
    checkpoints = Checkpoints(run.checkpoints, engine=engine, average=average, keep=config.keep, world=world)
    if config.upload is not None:
        sight = checkpoints.sight
        checkpoints.uploader = Uploader(run, config.upload, keep=config.keep, sight=sight, world=world)
    return checkpoints


def _resume(checkpoints: Checkpoints, meter: Meter) -> tuple[Progress, float]:
    """Go to the newest whole checkpoint, if any. Returns it and the seconds that training has taken so far."""
    loaded = checkpoints.load()
    if loaded is None:
        return Progress(), 0.0
    try:
        states = checked_rank_states(loaded.rank_states)
    except RecordError as error:
        remedy = f"Delete {loaded.folder} to fall back to an earlier one."
        raise CheckpointError(f"{loaded.folder / STATE_FILE} {error}. {remedy}") from error
    meter.load_state_dicts([state["meter"] for state in states], device=checkpoints.world.device)
    return loaded.progress, states[0]["elapsed_s"]


def _open_loader(config: RunConfig, subject: Subject, *, world: World, position: int) -> Loader:
    return Loader(
        subject,
        world=world,
        batch_size=config.train.batch_size_per_gpu,
        seed=config.train.seed,
        start_position=position,
    )


def _make_measures(
    opened: OpenRun, engine: Engine, average: MovingAverage, *, loader: Loader, world: World
) -> Measures:
    config, folder, is_paired = opened.config.log, opened.run.path, opened.subject.pairing == "paired"
    return Measures(engine, average, config=config, world=world, loader=loader, folder=folder, is_paired=is_paired)
