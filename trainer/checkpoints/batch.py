"""The global batch that a run keeps. Imports no torch: launchers ask for it before they start ranks."""

from sharding.storage.records import RecordError
from trainer.checkpoints.layout import checkpoint_folders, read_state
from trainer.runs.batches import BatchPlan, batch_plan, first_global_batch
from trainer.runs.begun import GLOBAL_BATCH_KEY
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir


def kept_global_batch(run: RunDir) -> int | None:
    """Images of one optimizer step of a run that goes on; None if the ranks that start next decide it.

    That is so where no rank has started yet, or none since the micro-batch was changed. Runs of former versions did not
    write it down: it is that of the ranks that have written their newest checkpoint that can be read.

    Raises:
        ConfigError: its run.json is damaged.
        CheckpointError: a checkpoint is a link.
    """
    record = run.record()
    if GLOBAL_BATCH_KEY in record:
        return record[GLOBAL_BATCH_KEY]
    for folder in reversed(checkpoint_folders(run.checkpoints)):
        try:
            return first_global_batch(run.config(), read_state(folder).world_size)
        except RecordError:  # damaged: the ranks will say so, and take the one before, too
            continue
    return None


def settle_batch(run: RunDir, config: RunConfig, *, num_ranks: int) -> tuple[int, BatchPlan]:
    """The global batch of a run that starts or goes on, and how each of so many ranks takes its share of it.

    Raises:
        ConfigError: so many ranks cannot share it, or run.json is damaged.
        CheckpointError: a checkpoint is a link.
    """
    global_batch = kept_global_batch(run) or first_global_batch(config, num_ranks)
    return global_batch, batch_plan(config, global_batch=global_batch, num_ranks=num_ranks)
