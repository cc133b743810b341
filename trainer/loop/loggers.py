"""Who hears a run on its main rank: makes its loggers, as the configuration asks for them."""

from datetime import datetime

from sharding.console import make_console
from trainer.checkpoints.lineage import data_lineage
from trainer.doctor.ear import Doctor
from trainer.evaluation.scores import summaries
from trainer.monitoring import Logger
from trainer.monitoring.console import ConsoleLogger
from trainer.monitoring.metrics_file import JsonlLogger, read_metrics
from trainer.ranks.world import World
from trainer.reports.pictures import find_grids
from trainer.runs.config import config_to_dict, flatten
from trainer.runs.opened import OpenRun
from trainer.runs.provenance import changes


def make_loggers(opened: OpenRun, *, world: World, position: int, to_console: bool) -> list[Logger]:
    """Those of the main rank; none on the others. The doctor is the last, and tells all others.

    Args:
        position: images that the run has seen.
        to_console: whether people are told of it here.

    Raises:
        ConfigError: a file of the run is damaged, a folder of it is a link, or a port cannot be had.
    """
    if not world.is_main:
        return []
    run, config = opened.run, opened.config
    loggers: list[Logger] = [JsonlLogger(run.metrics_file, position=position)]
    if to_console:
        loggers.append(ConsoleLogger(total=config.train.total_images, position=position))
    if config.log.prometheus_port:
        from trainer.monitoring.prometheus import PrometheusLogger

        total = config.train.total_images
        loggers.append(PrometheusLogger(config.log, run=run.path.name, total=total, position=position))
    if config.log.tensorboard:
        loggers.append(_tensorboard(opened, position=position))
    if config.log.wandb != "disabled":
        loggers.append(_wandb(opened, to_console=to_console))
    return [*loggers, Doctor(loggers)]


def _tensorboard(opened: OpenRun, *, position: int) -> Logger:
    from trainer.monitoring.tensorboard import TensorboardLogger

    run = opened.run
    return TensorboardLogger(
        run.path,
        position=position,
        values=flatten(config_to_dict(opened.config)),
        history=read_metrics(run.metrics_file),
        grids={int(path.stem): path for path in find_grids(run)},
        began=datetime.fromisoformat(run.record()["started"]).timestamp(),
    )


def _wandb(opened: OpenRun, *, to_console: bool) -> Logger:
    from trainer.monitoring.wandb import WandbLogger

    record = opened.run.record()
    logger = WandbLogger(
        opened.config.log,
        folder=opened.run.path,
        run_id=record["wandb_id"],
        values=flatten(config_to_dict(opened.config)) | {"commit": record["commit"]},
        summaries=summaries(),
        used=[data_lineage(opened)],
        changes=changes,
        tells_sync=to_console,
    )
    if logger.notice and to_console:
        make_console(stderr=True).print(logger.notice)
    return logger
