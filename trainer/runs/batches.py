"""The global batch, which a run keeps on any number of ranks: what each takes of it, and how many can share it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from trainer.config.errors import ConfigError
from trainer.runs import formats
from trainer.runs.begun import GLOBAL_BATCH_KEY
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """What one rank takes of each optimizer step's images."""

    micro_batch: int
    """Images that go through the networks at a time."""
    accumulation: int
    """Micro-batches to one optimizer step."""


def first_global_batch(config: RunConfig, num_ranks: int) -> int:
    """Images of one optimizer step of a run that starts on so many ranks."""
    return config.train.batch_size_per_gpu * config.engine.gradient_accumulation_steps * num_ranks


def batch_plan(config: RunConfig, *, global_batch: int, num_ranks: int) -> BatchPlan:
    """How each of `num_ranks` ranks takes its share of a global batch that another number of ranks began with.

    Accumulation follows the number of ranks. The micro-batch, which batch norm and dropout depend on, stays, or becomes
    the largest smaller one that divides a rank's share. Where all ranks' micro-batches are one for a norm or a loss,
    it is the micro-batch that follows, and grows where ranks are fewer.

    Raises:
        ConfigError: so many ranks cannot share it.
    """
    plan = _plan(config, global_batch=global_batch, num_ranks=num_ranks)
    if plan is None:
        possible = allowed_ranks(config, global_batch=global_batch, among=range(1, global_batch + 1))
        raise ConfigError(
            "num_procs",
            num_ranks,
            f"the run has {global_batch} images to an optimizer step, which so many ranks cannot share evenly"
            f"{_reason(config)}. Use {_enumerate(possible)}; or choose another global batch, of the ranks that you "
            "start, with --resume RUN --train.batch-size-per-gpu N.",
        )
    return plan


def allowed_ranks(config: RunConfig, *, global_batch: int | None, among: Iterable[int]) -> list[int]:
    """Those numbers of ranks that can share a run's global batch, in the order given.

    Args:
        global_batch: None where the run has none yet: any number of ranks may begin it.
        among: e.g. `range(MIN, MAX + 1)`.
    """
    if global_batch is None:
        return list(among)
    return [number for number in among if _plan(config, global_batch=global_batch, num_ranks=number) is not None]


def planned(config: RunConfig, plan: BatchPlan) -> RunConfig:
    """The configuration with the micro-batch and accumulation of a plan."""
    return replace(
        config,
        train=replace(config.train, batch_size_per_gpu=plan.micro_batch),
        engine=replace(config.engine, gradient_accumulation_steps=plan.accumulation),
    )


def note_global_batch(run: RunDir, global_batch: int) -> None:
    """Write into run.json what the run keeps from its first start on, unless it stands there."""
    record = run.record()
    if record.get(GLOBAL_BATCH_KEY) != global_batch:
        formats.RUN.write(run.run_file, record | {GLOBAL_BATCH_KEY: global_batch})


def _plan(config: RunConfig, *, global_batch: int, num_ranks: int) -> BatchPlan | None:
    share, rest = divmod(global_batch, num_ranks)
    if rest or not share:
        return None
    least, most = config.method.smallest_batch, config.train.batch_size_per_gpu
    if _needs_whole_micro_batches(config):
        accumulation = config.engine.gradient_accumulation_steps
        micro_batch, rest = divmod(share, accumulation)
        return None if rest or micro_batch < least else BatchPlan(micro_batch=micro_batch, accumulation=accumulation)
    fitting = (size for size in range(min(share, most), least - 1, -1) if share % size == 0)
    micro_batch = next(fitting, None)
    return None if micro_batch is None else BatchPlan(micro_batch=micro_batch, accumulation=share // micro_batch)


def _needs_whole_micro_batches(config: RunConfig) -> bool:
    """Whether something is computed of a micro-batch of all ranks, which accumulation would cut in parts."""
    return config.engine.sync_batch_norm or config.method.averages_over_ranks


def _reason(config: RunConfig) -> str:
    least = config.method.smallest_batch
    return f" in micro-batches of {least} or more" if least > 1 else ""


def _enumerate(numbers: list[int]) -> str:
    return " or ".join(filter(None, [", ".join(map(str, numbers[:-1])), str(numbers[-1])])) if numbers else "none"
