"""How good what a method makes of a split is, beside two baselines on the same images."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainer.data.batch import Batch
from trainer.data.subject import Subject, check_scored
from trainer.data.views import keeps_class_colors
from trainer.evaluation.baselines import make_baselines
from trainer.evaluation.bootstrap import NOTE, Interval
from trainer.evaluation.contestants import Contestant, Keep, translations
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.extremes import Extremes, find_extremes
from trainer.evaluation.label_scores import LabelScores
from trainer.evaluation.metrics.base import Judge, ScoredView
from trainer.evaluation.metrics.segmentation import Confusion
from trainer.evaluation.passes import Passes, Side
from trainer.evaluation.scores import SCORES, encoded_scores, met_needs, why_absent
from trainer.inference.translator import Translator
from trainer.ranks.world import World


def scored_view(subject: Subject, *, encoder: Encoder | None = None) -> ScoredView:
    """What metrics are told of a run's targets."""
    met = met_needs(subject)
    return ScoredView(
        eight_bits=subject.view_b.dtype == "uint8",
        classes=subject.manifest.classes if "classes" in met else [],
        exact_colors=keeps_class_colors(subject.manifest.views[subject.data.view_b]),
        border=subject.data.degrade.factor if "enlarged" in met else 0,
        encoder=encoder,
    )


class SplitEvaluator:
    """Scores what a method makes of one split, any number of times: the baselines are computed once.

    Images pass in batches of a size of their own (`Passes`), and each is translated as if it were alone. So scores
    depend neither on the run's batch size nor, but for last digits, on the ranks.

    Args:
        split: of the subject; all of it is used.
        seed: of the run.
        judges: whose scores are wanted beside those that every run gets.
        encoder: by whose features images are compared, too.
        with_intervals: whether `intervals` and `extremes` are wanted.
        tell: hears how many images of this rank have passed, and of how many.
        world: every rank takes part, and gets the scores of the whole split.

    Raises:
        DatasetError: there is no such split, no `train` split for the baselines, or nothing in it.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        seed: int,
        split: str,
        world: World,
        judges: Sequence[Judge] = (),
        encoder: Encoder | None = None,
        with_intervals: bool = False,
        tell: Callable[[int, int], None] | None = None,
    ) -> None:
        check_scored(subject, split)
        self.split = split
        self.judges = judges
        self.passes = Passes(subject=subject, seed=seed, world=world)
        self.met = met_needs(subject)
        reasons = {} if encoder is None else encoded_scores(subject, encoder.name, split)
        self.view = scored_view(subject, encoder=encoder if "" in reasons.values() else None)
        self.left_out = {title: why for title, why in reasons.items() if why}
        """Titles of scores that there are not, and why."""
        self.labels = LabelScores.make(subject, seed=seed, split=split, device=world.device)
        self.with_intervals, self._tell = with_intervals, tell
        self.intervals: dict[str, Interval] = {}
        """Of the scores of the last call that have one, and of the baselines', by key."""
        self.extremes: dict[str, Extremes] = {}
        """The worst and best images of the last call, by key of the score."""
        self.confusions: list[Confusion] = []
        """Of the translations of the last call."""
        self._baselines: dict[str, float] | None = None
        self._samples: list[tuple[str, int]] = []
        """Names and places of this rank's images that pass with a and b together."""

    def __call__(self, translator: Translator, *, keep: Keep = lambda images, side: images) -> dict[str, float]:
        """Scores by key, of what the method can do; which way is better, the catalogue says (`scores.py`).

        `eval/psnr`, ... compare the translation with the known truth. `baseline/mean/psnr` is one constant image: the
        pixelwise mean of (at most 8192) training targets or, for the scores of classes, the class that each pixel most
        often has there; pixels of no class are in no score of classes. `baseline/identity/psnr` is the input itself; it
        has no scores where an input cannot stand for a target (3 channels for 1), or is the target. `eval/back_psnr` is
        of the translation from b to a, and `eval/round_trip_psnr` of the way from a to b and back, compared with a. For
        `eval/label_...` see `LabelScores`. Where no truth is known, all images a are translated, and metrics of sets
        compare them with all images b. Where a method draws images from noise, `eval/drawn_...` compares as many of
        them, of the same labels, with all images b. `baseline/real/...` is what images as good as real ones would have.

        Noise of the method follows from (train.seed, sample): the same call gives the same scores.
        """
        wanted: dict[str, Any] = {"view": self.view, "met": self.met, "judges": self.judges}
        contestants = translations(translator, self.passes, keep=keep, **wanted)
        is_first = self._baselines is None
        baselines = make_baselines(self.passes, **wanted) if is_first and contestants else []
        singly = translator.method.translates_by_chance
        scores = self._score(contestants + baselines, singly=singly)  # in one pass over the images
        if is_first:
            self._baselines = {key: value for key, value in scores.items() if key.startswith("baseline/")}
        return (self._baselines or {}) | scores | (self.labels(translator) if self.labels else {})

    @property
    def notes(self) -> dict[str, str]:
        """How scores came about, by who gave them, and which there are not."""
        found = {judge.name: judge.note for judge in self.judges}
        if self.view.encoder is not None:
            found[self.view.encoder.name] = f"{self.view.encoder.note} {self._left_out}".strip()
        elif self.left_out:
            found["encoder"] = self._left_out
        if self.intervals:
            found["intervals"] = NOTE
        if "pairs" in self.met and "large" not in self.met:
            name = "ms_ssim"
            found[name] = f"{SCORES[name].title} is left out: it {why_absent(f'eval/{name}', self.passes.subject)}."
        return found

    @property
    def _left_out(self) -> str:
        """Those of one reason together."""
        titles: dict[str, list[str]] = {}
        for title, why in self.left_out.items():
            titles.setdefault(why, []).append(title)
        return " ".join(f"Left out, {why}: {'; '.join(those)}." for why, those in titles.items())

    def _score(self, contestants: Sequence[Contestant], *, singly: bool) -> dict[str, float]:
        together = [each for each in contestants if self.passes.subject.knows_truth or each.metrics.pairs]
        apart = [each for each in contestants if not (self.passes.subject.knows_truth or each.metrics.pairs)]
        passes: dict[Side, list[Callable[[Batch], None]]] = {
            "together": [each.compare for each in together],
            "inputs": [each.see_inputs for each in apart],
            "targets": [each.see_targets for each in apart],
        }
        self._let_pass({side: takers for side, takers in passes.items() if takers}, singly=singly)
        results: dict[str, float] = {}
        self.confusions = [matrix for each in contestants if each.prefix == "eval" for matrix in each.confusions()]
        for contestant in contestants:
            results |= contestant.results(self.passes.world)
            if self.with_intervals:
                self.intervals |= contestant.intervals()
        if self.with_intervals:
            self._find_extremes([each for each in together if each.prefix == "eval"])
        return results

    def _find_extremes(self, contestants: Sequence[Contestant]) -> None:
        """Of those that have seen the images a and b together."""
        samples = [sample for part in self.passes.world.gather(self._samples) for sample in part]
        values = {key: numbers for each in contestants for key, numbers in each.images().items()}
        self.extremes = find_extremes(values, samples)

    def _let_pass(self, passes: Mapping[Side, Sequence[Callable[[Batch], None]]], *, singly: bool) -> None:
        """The images of each pass, to all who take them; and tell how far it is."""
        self._samples = []
        done, total = 0, sum(self.passes.num_images(side, self.split) for side in passes)
        for side, takers in passes.items():
            for batch in self.passes.images(side, self.split, singly=singly):
                for take in takers:
                    take(batch)
                if side == "together":
                    self._samples += zip(batch.keys, batch.index.tolist(), strict=True)
                done += len(batch.b)
                if self._tell is not None:
                    self._tell(done, total)
