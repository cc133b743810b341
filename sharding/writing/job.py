"""What becomes of one shard: its samples encoded one by one, and written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sharding.errors import DatasetError
from sharding.work.plan import Draft, Sample
from sharding.work.problems import Rejected, rejected_by
from sharding.work.progress import Tick
from sharding.work.seen import Seen, merge_seen
from sharding.writing.drafts import ShardPlan
from sharding.writing.journal import Finished
from sharding.writing.shard_file import write_shard


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """What all shards of a data set have in common."""

    folder: Path
    encode: Callable[[Draft], Sample]
    skip_bad: bool


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """What became of one shard."""

    finished: Finished | None
    """None: no sample was usable, or one was not and must be mended first."""
    rejected: list[Rejected]


def make_shard(job: ShardJob, plan: ShardPlan, *, tick: Tick) -> ShardResult:
    """Encode the samples one by one, and write them."""
    rejected: list[Rejected] = []
    seen: dict[str, Seen] = {}

    def usable() -> Iterator[Sample]:
        for draft in plan.drafts:
            try:
                sample = job.encode(draft)
            except DatasetError as error:
                rejected.append(rejected_by(error, draft.key))
            else:
                if job.skip_bad or not (rejected or plan.is_only_checked):
                    seen.update(merge_seen(iter((seen, sample.seen))))
                    yield sample
            tick(1)

    shard = write_shard(job.folder, plan.path, usable())
    is_whole = shard is not None and (job.skip_bad or not rejected)
    if shard is None or not is_whole:
        return ShardResult(finished=None, rejected=rejected)
    finished = Finished(split=plan.split, shard=shard, rejected=rejected, seen=seen)
    return ShardResult(finished=finished, rejected=rejected)
