"""What images that are not trained on say of a run: scores and pictures, on the way and at the end."""

from pathlib import Path

from sharding.format.manifest import Manifest
from trainer.data.subject import final_split
from trainer.evaluation.evaluate import write_evaluation
from trainer.evaluation.evaluator import SplitEvaluator
from trainer.evaluation.samples import SamplePictures
from trainer.inference.translator import Translator
from trainer.ranks.world import World
from trainer.reports.page import write_report
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir


class HeldOut:
    """Scores the averaged networks, and draws what they make of the same few images each time.

    Args:
        translator: the averaged networks, which go on following the training.
        watched_split: looked at on the way.
    """

    def __init__(
        self,
        run: RunDir,
        *,
        config: RunConfig,
        manifest: Manifest,
        world: World,
        translator: Translator,
        watched_split: str,
    ) -> None:
        self.run = run
        self.config = config
        self.manifest = manifest
        self.world = world
        self.translator = translator
        self.watched_split = watched_split
        self._pictures = self._pictures_of(watched_split)
        self._evaluator: SplitEvaluator | None = None

    def _pictures_of(self, split: str) -> SamplePictures:
        return SamplePictures(config=self.config, manifest=self.manifest, world=self.world, split=split)

    def _evaluator_of(self, split: str) -> SplitEvaluator:
        return SplitEvaluator(config=self.config, manifest=self.manifest, split=split, world=self.world)

    def score(self) -> dict[str, float]:
        """Scores of the watched split, equal on all ranks."""
        if self._evaluator is None:
            self._evaluator = self._evaluator_of(self.watched_split)
        return self._evaluator(self.translator)

    def draw(self, position: int) -> Path:
        """Write the grid of the watched split's images. Returns where it lies."""
        path = self.run.sample_file(position)
        self._pictures.draw(self.translator, path)
        return path

    def finish(self, position: int, *, early_stop: str = "") -> dict[str, float]:
        """Score the test split (where there is none, see `final_split`) and write evaluation and report.

        Args:
            position: images that were trained on.
            early_stop: why they are fewer than planned.
        """
        split = final_split(self.manifest)
        scores = self._evaluator_of(split)(self.translator)
        self._pictures_of(split).draw(self.translator, self.run.evaluation_picture)
        if self.world.is_main:
            num_images = self.manifest.num_samples(split)
            write_evaluation(self.run, split=split, position=position, num_images=num_images, scores=scores)
            if early_stop:
                self.run.write_early_stop(position=position, reason=early_stop)
            write_report(self.run)
        return scores
