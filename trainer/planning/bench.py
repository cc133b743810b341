"""A method in its engine, as a run has them, and steps of it: watched ones with small batches, and timed ones."""

import time
from collections.abc import Callable
from contextlib import ExitStack

import torch

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.data.loader import Loader
from trainer.data.randomness import seed_torch
from trainer.data.subject import Subject
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.engine.frozen import freeze
from trainer.methods.base import steps_of_turn
from trainer.methods.registry import build_method
from trainer.planning.account import StepAccount
from trainer.planning.batches import made_up_batch
from trainer.ranks.world import World
from trainer.runs.config import RunConfig

Fetch = Callable[[], list[Batch]]
"""The micro-batches of the next step."""

_WARM_UP = 3
"""Steps that are not timed: libraries still try what is fastest, and memory is asked for the first time."""
_LONG_S = 60.0
"""After that, no more steps are timed than it takes for each player to have stepped."""


class Bench:
    """A method in its engine, as `trainer.loop.setup` makes them, and steps of it."""

    def __init__(self, config: RunConfig, task: Task, *, world: World) -> None:
        self._config, self._task, self._world = config, task, world
        seed_torch(config.train.seed, "weights")
        self._method = build_method(config.method, task)
        freeze(self._method.players, config.train.frozen)
        self.engine = Engine(
            self._method,
            config=config.engine,
            optimizer=config.optimizer,
            batch_size_per_gpu=config.train.batch_size_per_gpu,
            world=world,
        )
        with self.engine.gathered() as networks:
            self.average = MovingAverage(networks, half_life_kimg=config.train.ema_half_life_kimg)
        self._number, self._turn = 0, steps_of_turn(self._method.players)

    def probe(self, batch_size: int) -> StepAccount:
        """Steps until each player has stepped, watched; optimizer states and histories of images are there by then."""
        batches = [self._made_up(batch_size) for _ in range(self._config.engine.gradient_accumulation_steps)]
        for _ in range(self._turn):
            self._step(batches)
        self._fill_pools()
        account = StepAccount(self.engine, batch_size=batch_size)
        for _ in range(self._turn):
            account.step(batches, number=self._number)
            self._number += 1
        return account

    def timed(self, subject: Subject | None, *, num_steps: int) -> tuple[list[float], str]:
        """Seconds of steps with the run's batch and its data, if they are there; or why there are none."""
        try:
            with ExitStack() as stack:
                fetch = self._source(subject, stack)
                for _ in range(max(_WARM_UP, self._turn)):
                    self._step(fetch())
                return self._times(fetch, num_steps), ""
        except torch.cuda.OutOfMemoryError as error:
            return [], str(error).partition("\n")[0]

    def _times(self, fetch: Fetch, num_steps: int) -> list[float]:
        times: list[float] = []
        while len(times) < num_steps or len(times) % self._turn:
            began = time.perf_counter()
            self._step(fetch())
            times.append(time.perf_counter() - began)
            if sum(times) > _LONG_S and len(times) % self._turn == 0:
                break
        return times

    def _source(self, subject: Subject | None, stack: ExitStack) -> Fetch:
        number, size = self._config.engine.gradient_accumulation_steps, self._config.train.batch_size_per_gpu
        if subject is None:
            batches = [self._made_up(size) for _ in range(number)]
            return lambda: batches
        loader = Loader(subject, world=self._world, batch_size=size, seed=self._config.train.seed)
        stack.callback(loader.close)
        return lambda: [next(loader) for _ in range(number)]

    def _made_up(self, batch_size: int) -> Batch:
        return made_up_batch(self._config, self._task, batch_size=batch_size, device=self._world.device)

    def _step(self, batches: list[Batch]) -> None:
        """One step with all that follows it each time."""
        self.engine.train_step(*batches, step=self._number)
        self._number += 1
        num_images = self._world.size * sum(len(batch.index) for batch in batches)
        with self.engine.gathered() as networks:
            self.average.update(networks, position=self._number * num_images, num_images=num_images)
        if self._world.device.type == "cuda":
            torch.cuda.synchronize()

    def _fill_pools(self) -> None:
        """Histories of images as they are later on."""
        for pool in self._method.pools.values():
            pool.images += [pool.images[0].clone() for _ in range(pool.size - len(pool.images)) if pool.images]
