"""The training loop: fetch, step the players, and what is due: log, samples, evaluate, checkpoint."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from sharding.console import make_console
from sharding.format.manifest_file import read_manifest
from sharding.storage.records import RecordError
from trainer.checkpoints.save import STATE_FILE, CheckpointError, Progress, load_checkpoint, save_checkpoint
from trainer.checkpoints.whole import newest_whole_checkpoint
from trainer.config import config_to_dict
from trainer.data.loader import Loader
from trainer.data.randomness import seed_torch
from trainer.data.subject import final_split, resolve_task
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.evaluation.evaluate import write_evaluation
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.samples import SamplePictures
from trainer.evaluation.scores import summaries
from trainer.inference.translator import averaged_translator
from trainer.loop.meter import Meter
from trainer.loop.schedule import learning_rate
from trainer.loop.stop import stop_signals
from trainer.monitoring import Logger, Metrics
from trainer.monitoring.console import ConsoleLogger
from trainer.monitoring.metrics_file import JsonlLogger, read_metrics
from trainer.ranks.world import World
from trainer.reports.page import check_report, write_report
from trainer.runs.contents import checked_rank_states
from trainer.runs.rundir import RunDir


class TrainingDivergedError(RuntimeError):
    """A loss is not a finite number any more."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something to do each time another `period` images have been seen; 0 is never."""

    period: int
    action: Callable[[], None]

    def is_due(self, before: int, after: int) -> bool:
        return self.period > 0 and after // self.period > before // self.period


class Trainer:
    """One run on one rank, continued from its newest checkpoint if it has one.

    Args:
        run: the run directory, with its run.json.
        world: this rank among all.
        to_console: show progress (sweeps have a table of their own).
    """

    def __init__(self, run: RunDir, *, world: World, to_console: bool = True) -> None:
        self.run = run
        self.world = world
        self.config = config = run.config()
        read_metrics(run.metrics_file)  # if it is damaged, all ranks say so before anything is loaded
        check_report(run)
        self.manifest = read_manifest(config.data.path)
        self.total = config.train.total_images
        self.position = self.step_number = 0
        self._saved_position: int | None = None
        self.meter = Meter()
        seed_torch(config.train.seed, "weights")
        self.method = config.method.build(resolve_task(config, self.manifest))
        self.engine = Engine(
            self.method,
            config=config.engine,
            optimizer=config.optimizer,
            batch_size_per_gpu=config.train.batch_size_per_gpu,
            world=world,
        )
        with self.engine.gathered() as networks:
            self.average = MovingAverage(networks, half_life_kimg=config.train.ema_half_life_kimg)
        self.translator = averaged_translator(self.method, self.average, config=config, device=world.device)
        self._elapsed_s = self._restore()
        self._started = time.monotonic()
        self._window_start = (self.position, self._started)
        self._data_s = 0.0
        self.loader = self._open_loader()
        self.watched_split = next(name for name in ("val", "test", "train") if name in self.manifest.splits)
        self.pictures = SamplePictures(config=config, manifest=self.manifest, world=world, split=self.watched_split)
        self._validate: SplitEvaluator | None = None
        self.loggers = _make_loggers(self, to_console=to_console) if world.is_main else []
        self.events = self._make_events()
        self.last_scores: dict[str, float] = {}

    def _make_events(self) -> list[Event]:
        log = self.config.log
        return [
            Event(period=round(1000 * log.metrics_kimg), action=self.log_metrics),
            Event(period=round(1000 * log.evaluate_kimg), action=self.evaluate),
            Event(period=round(1000 * log.samples_kimg), action=self.draw_samples),
            Event(period=round(1000 * log.checkpoint_kimg), action=self.save),
        ]

    def _restore(self) -> float:
        """Go to the newest whole checkpoint, if any. Returns the seconds that training has taken so far."""
        whole = newest_whole_checkpoint(self.run.checkpoints, world=self.world)
        if whole is None:
            return 0.0
        if self.world.is_main:
            for note in whole.notes:
                make_console(stderr=True).print(note)
        progress, states = load_checkpoint(whole.folder, engine=self.engine, average=self.average, world=self.world)
        try:
            checked_rank_states(states)
        except RecordError as error:
            remedy = f"Delete {whole.folder} to fall back to an earlier one."
            raise CheckpointError(f"{whole.folder / STATE_FILE} {error}. {remedy}") from error
        self.position, self.step_number = progress.position, progress.step
        self._saved_position = self.position
        self.meter.load_state_dicts([state["meter"] for state in states], device=self.world.device)
        return states[0]["elapsed_s"]

    def _open_loader(self) -> Loader:
        return Loader(
            data=self.config.data,
            pairing=self.config.method.pairing,
            manifest=self.manifest,
            split="train",
            shuffle=True,
            seed=self.config.train.seed,
            batch_size=self.config.train.batch_size_per_gpu,
            rank=self.world.rank,
            world_size=self.world.size,
            device_id=self.world.device_id,
            start_position=self.position,
        )

    @property
    def is_finished(self) -> bool:
        return self.position >= self.total

    def train(self) -> bool:
        """Train to the end, or until SIGTERM or SIGINT, and save. Returns whether the end was reached."""
        with stop_signals() as stop:
            while not self.is_finished and not self.world.any(stop.is_set):
                self.step()
            self.save()
        return self.is_finished

    def advance(self, num_images: int) -> Metrics:
        """Train on at least `num_images` more and score the validation split: one report of a sweep's trial."""
        until = min(self.total, self.position + num_images)
        while self.position < until:
            self.step()
        self.evaluate()
        return {"position": self.position, **self.last_scores}

    def step(self) -> None:
        """One optimizer step of every player, and the events that it makes due."""
        before = self.position
        lr = learning_rate(self.config.optimizer, position=before, total=self.total)
        self.engine.set_learning_rate(lr)
        for _ in range(self.config.engine.gradient_accumulation_steps):
            self._micro_step()
        num_images = self.position - before
        self.step_number += 1
        with self.engine.gathered() as networks:
            self.average.update(networks, position=self.position, num_images=num_images)
        if before == 0:
            self.draw_samples()
        for event in self.events:
            if event.is_due(before, self.position):
                event.action()

    def _micro_step(self) -> None:
        waiting = time.monotonic()
        batch = next(self.loader)
        self._data_s += time.monotonic() - waiting
        # Dropout differs between ranks, and is the same again when this position is trained on after a resume.
        seed_torch(self.config.train.seed, "step", self.position, self.world.rank)
        self.meter.add(self.engine.train_step(batch, step=self.step_number))
        self.position += self.config.train.batch_size_per_gpu * self.world.size

    def log_metrics(self) -> None:
        """Losses since the last line, and speed. Raises TrainingDivergedError if a loss is not finite."""
        losses = self.meter.means(self.world)
        self._require_finite(losses)
        position, since = self._window_start
        now = time.monotonic()
        num_images = self.position - position
        lr = learning_rate(self.config.optimizer, position=self.position, total=self.total)
        self._emit(
            {
                **{f"loss/{name}": value for name, value in losses.items()},
                "lr": lr,
                "throughput/images_per_s": num_images / (now - since),
                "time/data_s": self._data_s / max(1, num_images),
            }
        )
        self._window_start, self._data_s = (self.position, now), 0.0

    def evaluate(self) -> None:
        """Score the validation split."""
        with self._clock_stopped():
            if self._validate is None:
                self._validate = self._evaluator(self.watched_split)
            self.last_scores = self._validate(self.translator)
        self._emit(self.last_scores)

    def _evaluator(self, split: str) -> SplitEvaluator:
        return SplitEvaluator(config=self.config, manifest=self.manifest, split=split, world=self.world)

    def finish(self) -> dict[str, float]:
        """Score the test split (where there is none, see `final_split`) and write evaluation and report."""
        split = final_split(self.manifest)
        scores = self._evaluator(split)(self.translator)
        pictures = SamplePictures(config=self.config, manifest=self.manifest, world=self.world, split=split)
        pictures.draw(self.translator, self.run.evaluation_picture)
        if self.world.is_main:
            num_images = self.manifest.num_samples(split)
            write_evaluation(self.run, split=split, position=self.position, num_images=num_images, scores=scores)
            write_report(self.run)
        return scores

    def draw_samples(self) -> None:
        """Translate the same few validation images as always."""
        with self._clock_stopped():
            path = self.run.sample_file(self.position)
            self.pictures.draw(self.translator, path)
            for logger in self.loggers:
                logger.picture(path, self.position)

    def save(self) -> None:
        """Write a checkpoint, unless this position has one. Raises TrainingDivergedError instead of keeping NaN."""
        if self._saved_position == self.position:
            return
        self._require_finite(self.meter.peek(self.world))
        with self._clock_stopped():
            save_checkpoint(
                self.run.checkpoints,
                progress=Progress(position=self.position, step=self.step_number),
                engine=self.engine,
                average=self.average,
                rank_state={"meter": self.meter.state_dict(), "elapsed_s": self.elapsed_s},
                keep=self.config.log.keep_checkpoints,
                world=self.world,
            )
        self._saved_position = self.position

    @property
    def elapsed_s(self) -> float:
        """Seconds of this run, over all its parts."""
        return self._elapsed_s + time.monotonic() - self._started

    @contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        """Throughput counts training only."""
        began = time.monotonic()
        yield
        position, since = self._window_start
        self._window_start = (position, since + time.monotonic() - began)

    def _require_finite(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            if not torch.isfinite(torch.tensor(value)):
                raise TrainingDivergedError(
                    f"loss {name} is {value} after {self.position} images. The last checkpoint is good; start a new "
                    "run with a lower optimizer.lr, or with engine.precision fp32."
                )

    def _emit(self, metrics: Metrics) -> None:
        stamped = {
            "position": self.position,
            "kimg": self.position / 1000,
            "time_s": round(self.elapsed_s, 3),
            **metrics,
        }
        for logger in self.loggers:
            logger.log(stamped)

    def close(self) -> None:
        """Free the data pipeline and flush the loggers."""
        self.loader.close()
        for logger in self.loggers:
            logger.close()


def _make_loggers(trainer: Trainer, *, to_console: bool) -> list[Logger]:
    run, config = trainer.run, trainer.config
    loggers: list[Logger] = [JsonlLogger(run.metrics_file, position=trainer.position)]
    if to_console:
        loggers.append(ConsoleLogger(total=trainer.total, position=trainer.position))
    if config.log.wandb != "disabled":
        from trainer.monitoring.wandb import WandbLogger

        wandb = WandbLogger(
            config.log,
            folder=run.path,
            run_id=run.record()["wandb_id"],
            values=config_to_dict(config),
            summaries=summaries(),
        )
        loggers.append(wandb)
        if wandb.notice and to_console:
            make_console(stderr=True).print(wandb.notice)
    return loggers
