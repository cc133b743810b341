"""From what a few steps have shown to what a whole run takes: arithmetic alone, without torch."""

import math
from dataclasses import dataclass
from statistics import mean

from trainer.config.errors import ConfigError
from trainer.planning.envelope import at_most
from trainer.planning.request import Found
from trainer.runs.config import RunConfig

GIB = 2**30
LEFT_FREE = 0.1
"""Of a rank's memory: allocators leave holes, and scoring, pictures and saving take some of it for a while."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A run, from its first image to its last."""

    config: RunConfig
    num_ranks: int
    found: Found
    free_disk: int
    """Bytes, where the run is to lie."""

    @property
    def batch_size(self) -> int:
        """Of a micro-batch."""
        return self.config.train.batch_size_per_gpu

    @property
    def images_per_step(self) -> int:
        """Of all ranks."""
        return self.batch_size * self.config.engine.gradient_accumulation_steps * self.num_ranks

    @property
    def num_steps(self) -> int:
        """Until `train.total_kimg`."""
        return math.ceil(self.config.train.total_images / self.images_per_step)

    @property
    def step_s(self) -> float | None:
        """Seconds: the mean, as steps in which few players are due are part of it. None if it was not measured."""
        return mean(self.found.step_s) if self.found.step_s else None

    @property
    def hours(self) -> float | None:
        """Of training alone."""
        return None if self.step_s is None else self.num_steps * self.step_s / 3600

    @property
    def usable_bytes(self) -> int:
        """Of a rank's memory."""
        return round((1 - LEFT_FREE) * self.found.memory_bytes)

    def needs(self, batch_size: int) -> int:
        """Bytes that a rank takes at most with micro-batches of a size.

        What was measured beyond tensors (workspaces, pixels on their way, holes) is taken to grow as tensors do.
        """
        found = self.found
        tensors, measured = at_most(found.tensors, batch_size), at_most(found.tensors, self.batch_size)
        beyond = max(0, found.needs_bytes - found.base_bytes - measured)
        return found.base_bytes + tensors + round(beyond * max(1.0, tensors / measured))

    def maps(self, batch_size: int) -> int:
        """Bytes of feature maps that a micro-batch of a size has at once."""
        first, second = self.found.probes
        each = (second.maps - first.maps) / (second.batch_size - first.batch_size)
        return round(first.maps + each * (batch_size - first.batch_size))

    @property
    def rank_flops(self) -> float:
        """Floating-point operations of a rank in a step."""
        return self.found.flops * self.images_per_step / self.num_ranks

    @property
    def largest_batch(self) -> int:
        """The largest micro-batch that fits; 0 if not even the smallest does."""
        least = self.config.method.smallest_batch
        if self.needs(least) > self.usable_bytes:
            return 0
        most = least
        while self.needs(2 * most) <= self.usable_bytes:
            most *= 2
        for step in (2**power for power in reversed(range(most.bit_length()))):
            most += step if self.needs(most + step) <= self.usable_bytes else 0
        return most

    @property
    def checkpoint_bytes(self) -> int:
        """Of one checkpoint: all players' parts, of all ranks, and the averaged networks."""
        stored = sum(player.stored for player in self.found.players)
        return stored + self.found.averages + self.num_ranks * self.found.pools

    @property
    def num_checkpoints(self) -> int:
        """That are written in the run: one at each period, and one at its end."""
        total, period = self.config.train.total_images, self.config.checkpoint.period_kimg * 1000
        return 1 if period == 0 else math.ceil(total / max(period, self.images_per_step))

    @property
    def kept_bytes(self) -> int:
        """On disk at most: those that are kept, the best, and one that is being written before an old one goes."""
        kept = min(self.num_checkpoints, self.config.checkpoint.keep + 1)
        return (kept + (self.config.checkpoint.keep_best is not None)) * self.checkpoint_bytes

    def refusals(self) -> list[ConfigError]:
        """Why this run cannot be trained here; empty if it can."""
        return [error for error in (self._memory_error(), self._disk_error()) if error is not None]

    def _memory_error(self) -> ConfigError | None:
        needs, there = self.needs(self.batch_size), self.found.memory_bytes
        if needs <= there and not self.found.overflow:
            return None
        most, wider = self.largest_batch, "engine.activation_checkpointing True, a smaller data.crop_size"
        remedy = f"use {most} or less, {wider}" if most else f"not even the smallest batch fits: use {wider}"
        zero = " engine.zero_stage 2," if self.num_ranks > 1 and self.config.engine.zero_stage < 2 else ""
        words = f"{self.found.overflow or f'a rank needs {needs / GIB:.2f} GiB'}, and {there / GIB:.2f} GiB are there: "
        return ConfigError(
            "train.batch_size_per_gpu", self.batch_size, f"{words}{remedy},{zero} or give ranks more memory."
        )

    def _disk_error(self) -> ConfigError | None:
        if self.kept_bytes <= self.free_disk:
            return None
        each = f"{self.checkpoint_bytes / GIB:.2f} GiB each"
        words = (
            f"checkpoints of {each} need {self.kept_bytes / GIB:.2f} GiB, and {self.free_disk / GIB:.2f} GiB are free"
        )
        remedy = "keep fewer, make room, or name another disk with --runs."
        return ConfigError("checkpoint.keep", self.config.checkpoint.keep, f"{words}: {remedy}")
