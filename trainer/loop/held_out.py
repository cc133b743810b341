"""What images that are not trained on say of a run: scores and pictures, on the way and at the end."""

from collections.abc import Sequence
from pathlib import Path

from trainer.config.encoders import EncoderName
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder
from trainer.evaluation.encoders.weights_file import WeightsFile
from trainer.evaluation.evaluate import open_pictures, write_evaluation
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.judges.fcn_judge import FcnJudge
from trainer.evaluation.shown import show_evaluation
from trainer.inference.translator import Translator
from trainer.monitoring import Logger
from trainer.ranks.world import World
from trainer.reports.page import write_report
from trainer.runs.encoder_files import note_encoder
from trainer.runs.opened import OpenRun


class HeldOut:
    """Scores the averaged networks, and draws what they make of the same few images each time.

    Args:
        translator: the averaged networks, which go on following the training.

    Raises:
        ConfigError: the weights of the encoder or the FCN cannot be used, or are not those that the run began with.
    """

    def __init__(self, opened: OpenRun, *, world: World, translator: Translator) -> None:
        self.opened = opened
        self.run = opened.run
        self.subject = opened.subject
        self.world = world
        self.translator = translator
        self._pictures = open_pictures(opened, split=self.subject.watched_split, world=world)
        self._wanted = opened.config.evaluate
        self._encoder = self._open_encoder()
        self._fcn = self._open_fcn()
        self._evaluator: SplitEvaluator | None = None

    def _open_encoder(self) -> Encoder | None:
        """A file that cannot be used is told here, before the first step, and not when scores are due."""
        wanted = self._wanted
        weights, field = wanted.encoder_weights, "evaluate.encoder_weights"
        encoder = open_encoder(wanted.named, device=self.world.device, weights=weights, field=field)
        if encoder is not None and encoder.file is not None:
            encoder.open(expected=self.opened.encoders.get(encoder.name))
            if wanted.on_the_way is None:
                encoder.close()
            if self.world.is_main:
                note_encoder(self.run, encoder.name, encoder.file.sha256)
        return encoder

    def _open_fcn(self) -> FcnJudge | None:
        """What judges the watched split; a file that cannot be used is told here, too."""
        if self._wanted.fcn is None:
            return None
        file = WeightsFile(self._wanted.fcn, field="evaluate.fcn")
        file.check(self.opened.encoders.get(FcnJudge.name))
        split = self.subject.watched_split
        judge = FcnJudge(file.path, self.subject, split=split, world=self.world, field=file.field)
        if self.world.is_main:
            note_encoder(self.run, judge.name, judge.fcn.sha256)
        return judge

    def _evaluator_of(self, split: str, name: EncoderName | None, *, ends: bool = False) -> SplitEvaluator:
        return SplitEvaluator(
            self.subject,
            seed=self.opened.config.train.seed,
            split=split,
            world=self.world,
            judges=[self._fcn] if self._fcn is not None and split == self.subject.watched_split else [],
            encoder=self._encoder if name is not None else None,
            with_intervals=ends,
        )

    def score(self) -> dict[str, float]:
        """Scores of the watched split, equal on all ranks."""
        if self._evaluator is None:
            self._evaluator = self._evaluator_of(self.subject.watched_split, self._wanted.on_the_way)
        return self._evaluator(self.translator)

    def draw(self, position: int) -> Path:
        """Write the grid of the watched split's images. Returns where it lies."""
        path = self.run.sample_file(position)
        path.parent.mkdir(exist_ok=True)  # an empty folder is easily lost where a run is copied
        self._pictures.draw(self.translator, path)
        return path

    def finish(self, position: int, *, loggers: Sequence[Logger] = (), early_stop: str = "") -> dict[str, float]:
        """Score the test split (where there is none, see `Subject.final_split`) and write evaluation and report.

        Args:
            position: images that were trained on.
            loggers: are told what was found.
            early_stop: why they are fewer than planned.
        """
        split = self.subject.final_split
        judged = self.subject.knows_truth and not self.subject.method.draws
        evaluator = self._evaluator_of(split, self._wanted.at_the_end(judged=judged), ends=True)
        scores = evaluator(self.translator)
        picture = self.run.evaluation_picture
        open_pictures(self.opened, split=split, world=self.world).draw(self.translator, picture)
        if self.world.is_main:
            num_images = self.subject.num_images(split)
            write_evaluation(
                self.run,
                split=split,
                position=position,
                num_images=num_images,
                scores=scores,
                notes=evaluator.notes,
                intervals=evaluator.intervals,
                extremes=evaluator.extremes,
            )
            about = {"split": split, "position": position, "beside": picture}
            checkpoint = self.run.checkpoints / f"{position:08d}"
            found = show_evaluation(self.opened, evaluator, self.translator, scores, checkpoint=checkpoint, **about)
            for logger in loggers:
                logger.evaluated(found)
            if early_stop:
                self.run.write_early_stop(position=position, reason=early_stop)
            write_report(self.run)
        return scores
