"""The training loop: fetch, step the players, and what is due: log, samples, evaluate, checkpoint."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainer.checkpoints.layout import folder_of
from trainer.checkpoints.progress import Progress, Standing
from trainer.checkpoints.store import Checkpoints
from trainer.data.batch import Batches
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.engine.loss_scale import LossScaleError
from trainer.loop.balance import BalanceWatch
from trainer.loop.clock import Clock
from trainer.loop.diverged import LossWatch, first_origin, require_finite, require_weights, way_out
from trainer.loop.errors import TrainingDivergedError
from trainer.loop.events import Event
from trainer.loop.held_out import HeldOut
from trainer.loop.keepers import Keeper, Verdict, after_evaluation
from trainer.loop.measures import Measures
from trainer.loop.meter import Meter
from trainer.loop.requests import Requests
from trainer.loop.schedule import learning_rate
from trainer.loop.status import State, StatusWriter
from trainer.loop.stop import StopFlag, stop_signals
from trainer.monitoring import Logger, Metrics
from trainer.ranks.patience import Patience
from trainer.ranks.world import World
from trainer.runs.config import RunConfig
from trainer.runs.control import Request


@dataclass(kw_only=True, eq=False)
class Trainer:
    """One run on one rank: its parts, which `trainer.loop.setup` makes, and where it is."""

    config: RunConfig
    world: World
    engine: Engine
    average: MovingAverage
    loader: Batches
    held_out: HeldOut
    checkpoints: Checkpoints
    loggers: list[Logger]
    """On the main rank; none on the others."""
    meter: Meter
    measures: Measures
    clock: Clock
    position: int
    """Images that the whole job has seen."""
    step_number: int
    standing: Standing | None = None
    """Of the score that the keepers watch."""
    keepers: list[Keeper] = field(default_factory=list)
    """On all ranks."""
    events: list[Event] = field(default_factory=list)
    last_scores: dict[str, float] = field(default_factory=dict)
    status: StatusWriter | None = None
    """On the main rank."""

    def __post_init__(self) -> None:
        self.total = self.config.train.total_images
        self.stop = StopFlag()
        self.requests = Requests(self.checkpoints.folder.parent, world=self.world, stop=self.stop)
        self.losses = LossWatch(self.engine)
        self.balance = BalanceWatch(self.engine.phases, world=self.world, step=self.step_number)
        self.patience = Patience(self.config.engine.timeout_s)
        self._verdicts: list[Verdict] = []
        if self.standing is not None:
            self._ask_keepers(self.standing)
            self._obey()

    @property
    def is_finished(self) -> bool:
        """Whether training is over, at its last image or early."""
        return self.position >= self.total or bool(self.stop.reason)

    @property
    def best_checkpoint(self) -> Path | None:
        """Where the one lies that is kept as the best."""
        best = None if self.standing is None else self.standing.best
        return None if best is None else folder_of(self.checkpoints.folder, best)

    def train(self) -> bool:
        """Train to the end, or until told to stop, and save. Returns whether the end was reached."""
        with stop_signals(self.stop):
            while not self.is_finished and (request := self._heard()) != Request.STOP:
                if request == Request.SAVE:
                    self.save()
                self.step()
            self.save()
            self.wait_saved()
        self._emit_times()
        return self.is_finished

    def _heard(self) -> Request:
        """What is asked for now. Raises TrainingDivergedError, on all ranks, if one of them has a loss that is none."""
        self.engine.phases.enter("communication")
        request = self.requests.agreed(in_trouble=self.losses.has_lost)
        if request is None:
            raise TrainingDivergedError(f"{first_origin(self.losses, self.world)}{self._way_out()}")
        return request

    def advance(self, num_images: int) -> Metrics:
        """Train on at least `num_images` more and score the validation split: one report of a sweep's trial."""
        until = min(self.total, self.position + num_images)
        while self.position < until:
            self.step()
        self.evaluate()
        self._obey()
        return {"position": self.position, **self.last_scores}

    def step(self) -> None:
        """One optimizer step of every player, and the events that it makes due."""
        before = self.position
        self.engine.set_learning_rate(self._learning_rate())
        self.engine.phases.enter("data")
        with self.clock.waiting():
            taken = [next(self.loader) for _ in range(self.config.engine.gradient_accumulation_steps)]
        batches = [replace(batch, step_start=before) for batch in taken]
        num_images = len(batches) * self.config.train.batch_size_per_gpu * self.world.size
        try:
            with self.measures.step(before, num_images) as look:
                losses = self.engine.train_step(*batches, step=self.step_number, look=look)
        except LossScaleError as error:
            raise TrainingDivergedError(f"{error} {self._way_out()}") from error
        self.engine.phases.enter("rest")
        self.meter.add(losses)
        self.position += num_images
        self.losses.note(losses, position=self.position)
        self.step_number += 1
        with self.engine.gathered() as networks:
            self.average.update(networks, position=self.position, num_images=num_images)
        self.patience.shorten()
        self.tell("training")
        if before == 0:
            self.draw_samples()
        for event in self.events:
            if event.is_due(before, self.position):
                event.action()
        self._obey()

    def _learning_rate(self) -> float:
        return learning_rate(self.config.optimizer, position=self.position, total=self.total)

    def log_metrics(self) -> None:
        """Losses since the last line, and speed. Raises TrainingDivergedError if a loss is not finite."""
        losses = self.meter.means(self.world)
        self._require_finite(losses)
        balance = self.balance.tell(self.step_number, self.loggers, position=self.position)
        speed = self.clock.lap(self.position)
        measures = self.measures.line(speed["throughput/images_per_s"])
        speed |= {**self.checkpoints.times(), **balance}
        self._emit({**losses, "lr": self._learning_rate(), **self.engine.loss_scales(), **speed, **measures})
        self.measures.tell(self.loggers, position=self.position)

    def evaluate(self) -> None:
        """Score the watched split."""
        with self._pause():
            self.last_scores = self.held_out.score()
        self._emit(self.last_scores)
        score = self.config.checkpoint.keep_best
        if score is not None:
            value = self.world.gather(self.last_scores[score])[0]  # one rank's, should the last digits ever differ
            self.standing = after_evaluation(self.standing, score=score, value=value, position=self.position)
            self._ask_keepers(self.standing)

    def _ask_keepers(self, standing: Standing) -> None:
        self._verdicts = [keeper.hear(standing) for keeper in self.keepers]

    def _obey(self) -> None:
        """Do what keepers have said, after all that was due: a checkpoint then knows of all of it."""
        verdicts, self._verdicts = self._verdicts, []
        if any(verdict.keep for verdict in verdicts):
            self.save()
        for verdict in verdicts:
            if verdict.stop:
                self.stop.end(verdict.stop)

    def finish(self) -> dict[str, float]:
        """Score the held-out images once and for all, and write evaluation and report."""
        with self._pause():
            return self.held_out.finish(self.position, loggers=self.loggers, early_stop=self.stop.reason)

    @contextmanager
    def _pause(self) -> Iterator[None]:
        """Time inside is no training, and ranks may need more of it than others."""
        self.tell("evaluating")
        with self._aside():
            yield

    @contextmanager
    def _aside(self) -> Iterator[None]:
        self.engine.phases.enter("pause")
        with self.clock.stopped(), self.patience.long():
            yield
        self.engine.phases.enter("rest")

    def tell(self, state: State, *, outcome: str = "") -> None:
        """Let whoever looks from outside know how the run is. Main rank only; nothing elsewhere."""
        if self.status is not None:
            self.status.tell(state, position=self.position, checkpoint=self.checkpoints.newest, outcome=outcome)

    def draw_samples(self) -> None:
        """Translate the same few watched images as always."""
        with self._pause():
            path = self.held_out.draw(self.position)
            for logger in self.loggers:
                logger.picture(path, self.position)

    def _emit_times(self) -> None:
        """Those of the last save, for which no other line comes."""
        if times := self.checkpoints.times():
            self._emit(times)

    def save(self) -> None:
        """Begin a checkpoint, unless this position has one. Raises TrainingDivergedError instead of keeping NaN."""
        if self.checkpoints.newest == self.position:
            return
        self._require_finite(self.meter.peek(self.world))
        require_weights(self.engine, world=self.world, position=self.position, way_out=self._way_out())
        with self._aside():
            self.checkpoints.save(
                Progress(position=self.position, step=self.step_number, standing=self.standing),
                rank_state={"meter": self.meter.state_dict(), "elapsed_s": self.clock.elapsed_s},
            )

    def wait_saved(self) -> None:
        """Wait, on all ranks, until the last save is durable. Raises CheckpointError if it failed."""
        with self.patience.long():
            self.checkpoints.wait()

    def _require_finite(self, losses: dict[str, float]) -> None:
        require_finite(losses, position=self.position, engine=self.engine, way_out=self._way_out())

    def _way_out(self) -> str:
        return way_out(self.checkpoints, lr=self.config.optimizer.lr)

    def _emit(self, metrics: Metrics) -> None:
        stamp = {"position": self.position, "kimg": self.position / 1000, "time_s": round(self.clock.elapsed_s, 3)}
        for logger in self.loggers:
            logger.log({**stamp, **metrics})

    def close(self) -> None:
        """End the last save, free the data pipeline, flush the loggers. Raises CheckpointError if that save failed."""
        with ExitStack() as stack:
            for part in (*reversed(self.loggers), self.loader, self.checkpoints):  # the last is closed first
                stack.callback(part.close)
