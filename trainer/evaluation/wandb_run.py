"""An evaluation as a W&B run of its own, which uses the checkpoint that the training has made."""

import uuid
from dataclasses import replace

from sharding.console import make_console
from trainer.checkpoints.lineage import data_lineage
from trainer.evaluation.scores import summaries
from trainer.monitoring.evaluated import Evaluated
from trainer.monitoring.wandb import WandbLogger
from trainer.runs.config import config_to_dict, flatten
from trainer.runs.opened import OpenRun


def tell_wandb(opened: OpenRun, found: Evaluated) -> None:
    """Log the scores, the worst and best images and the pictures; W&B that fails is told, and is no error."""
    run, config = opened.run, opened.config
    name = config.log.wandb_name or run.path.name
    log = replace(config.log, wandb_name=f"{name}: {found.split}", wandb_group=config.log.wandb_group or name)
    logger = WandbLogger(
        log,
        folder=run.path,
        run_id=uuid.uuid4().hex[:12],
        values=flatten(config_to_dict(config)) | {"training": run.record()["wandb_id"]},
        summaries=summaries(),
        job="evaluate",
        used=[data_lineage(opened)],
        tells_sync=True,
    )
    if logger.notice:
        make_console(stderr=True).print(logger.notice)
    logger.evaluated(found)
    logger.close()
