"""Images of a study that a run makes: the translations of a split, and beside them the real images and the inputs."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.data.randomness import seeded
from trainer.data.split import side_images, split_images
from trainer.inference.translator import load_translator
from trainer.methods.base import Translates
from trainer.pictures.tensors import to_picture
from trainer.ranks.world import lone_world
from trainer.runs.opened import OpenRun
from trainer.study.answers import TRUTH
from trainer.study.design import INPUT
from trainer.study.sources import REAL, Shown


@dataclass(frozen=True, kw_only=True)
class Translated:
    """The newest checkpoint of a run, applied to its final split as `diptych evaluate` does."""

    opened: OpenRun
    who: str
    device: torch.device
    most: int | None = None
    """Images that are taken; the same ones for all runs of a data set."""
    gives: frozenset[str] = frozenset({TRUTH, INPUT})
    """What it shows beside its translations: of several runs of one data set only the first does."""

    def counts(self, wanted: frozenset[str] | None) -> dict[str, int]:
        """See `Source`."""
        subject, split = self.opened.subject, self.opened.subject.final_split
        real, made = (subject.num_images(split, view) for view in (subject.data.view_b, subject.data.view_a))
        if subject.knows_truth:
            made = real
        limits = [] if self.most is None else [self.most]
        if subject.knows_truth and wanted is not None:
            limits.append(len(wanted))
        made, real = min([made, *limits]), min([real, *limits])
        given = {TRUTH: real, INPUT: made}
        return {self.who: made} | {who: given[who] for who in self.gives}

    def images(self, wanted: frozenset[str] | None) -> Iterator[Shown]:
        """See `Source`. Of unpaired images the real ones come first, and have names of their own."""
        subject, world = self.opened.subject, lone_world(self.device)
        translator, _ = load_translator(self.opened, device=self.device)
        if not isinstance(translator.method, Translates):
            remedy = "translates nothing: write what it draws to a folder with `diptych sample`, and give that."
            raise ConfigError("method", f"{self.who}={self.opened.run.path}", remedy)
        split, seed = subject.final_split, self.opened.config.train.seed

        def made(batch: Batch) -> Iterator[Shown]:
            with seeded(seed, "evaluate", *batch.keys, device=self.device):
                yield self._shown(batch, self.who, translator.translate(batch.a))
            if INPUT in self.gives:
                yield self._shown(batch, INPUT, batch.a)

        if subject.knows_truth:
            for batch in split_images(subject, split=split, world=world, most=self.most):
                if wanted is None or batch.keys[0] in wanted:
                    yield from self._real(batch)
                    yield from made(batch)
            return
        for batch in side_images(subject, view=subject.data.view_b, split=split, world=world, most=self.most):
            yield from self._real(batch, prefix=REAL)
        for batch in side_images(subject, view=subject.data.view_a, split=split, world=world, most=self.most):
            yield from made(batch)

    def _real(self, batch: Batch, prefix: str = "") -> Iterator[Shown]:
        if TRUTH in self.gives:
            yield self._shown(batch, TRUTH, batch.b, prefix=prefix)

    def _shown(self, batch: Batch, who: str, images: Tensor, prefix: str = "") -> Shown:
        name = prefix + batch.keys[0]
        return Shown(name=name, who=who, picture=to_picture(images[0]), what=f"{self.opened.run.path}: {name}")
