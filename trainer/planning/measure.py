"""`python -m trainer.planning.measure REQUEST ANSWER`: takes a few steps as a rank of the run would, and tells of them.

A process of its own: its memory is then that of a rank, and what the kernel ends for want of memory is not the command.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sharding.console import guard_terminal, make_console
from sharding.format.manifest_file import read_manifest
from sharding.storage.memory import keep_freed_memory
from trainer.data.subject import Subject
from trainer.engine.deepspeed_config import forget_world
from trainer.loop.errors import exit_status, is_explained
from trainer.planning.bench import Bench
from trainer.planning.envelope import at_most, highest_lines
from trainer.planning.inventory import answer
from trainer.planning.process import memory_needed, memory_used, room_of_rank
from trainer.planning.request import Assumed, Found, PlanRequest, guessed_task, read_json, write_json
from trainer.ranks.exits import FINISHED
from trainer.ranks.fake import fake_world
from trainer.ranks.world import World, close_world, init_world
from trainer.runs.config import RunConfig, config_from_dict
from trainer.runs.task import resolve_task


def measure(request: PlanRequest) -> Found:
    """What one rank of the run takes, with small batches and then, if that fits, with its own."""
    config = config_from_dict(request.config)
    subject = None if request.assumed else _subject(config)
    task = resolve_task(subject) if subject else guessed_task(config, request.assumed or Assumed())
    with _world(config, request.num_ranks) as world:
        base = memory_used(world.device)
        room = request.memory_bytes or room_of_rank(world.device, ranks_here=request.ranks_here)
        bench = Bench(config, task, world=world)
        sizes = probe_sizes(config)
        small, large = (bench.probe(size) for size in sizes)
        tensors = highest_lines(small.segments, large.segments, sizes=sizes)
        needs, step_s, overflow = base + at_most(tensors, config.train.batch_size_per_gpu), [], ""
        if needs <= room:
            step_s, overflow = bench.timed(subject, num_steps=request.num_steps)
            needs = memory_needed(world.device, base) if step_s else needs
        return answer(
            bench.engine,
            bench.average,
            accounts=(small, large),
            tensors=tensors,
            step_s=step_s,
            overflow=overflow,
            memory_bytes=room,
            base_bytes=base,
            needs_bytes=needs,
        )


def probe_sizes(config: RunConfig) -> tuple[int, int]:
    """Two micro-batches that show what each image adds: small ones."""
    least = max(1, config.method.smallest_batch)
    first = min(max(2, least), config.train.batch_size_per_gpu)
    return first, first + 1


def _subject(config: RunConfig) -> Subject:
    return Subject.begin(data=config.data, method=config.method, manifest=read_manifest(config.data.path))


@contextmanager
def _world(config: RunConfig, num_ranks: int) -> Iterator[World]:
    """One rank; of several the first, for which collective operations return at once."""
    if num_ranks > 1:
        with fake_world(num_ranks, config.engine.device) as world:
            keep_freed_memory()
            yield world
        return
    try:
        yield init_world(config.engine.device)
    finally:
        forget_world()
        close_world()


def main(request: Path, answer: Path) -> int:
    """Returns the exit status, having said why if it is not 0."""
    try:
        write_json(answer, measure(read_json(request, PlanRequest)))
    except Exception as error:
        if not is_explained(error):
            raise
        make_console(stderr=True).error(error)
        return exit_status(error)
    return FINISHED


if __name__ == "__main__":
    guard_terminal()
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
