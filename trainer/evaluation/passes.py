"""One pass over the images of a split: a and b together, or each side by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trainer.data.batch import Batch
from trainer.data.order import rank_share
from trainer.data.split import side_images, split_images
from trainer.data.subject import Subject
from trainer.inference.together import at_once
from trainer.ranks.world import World

Side = Literal["together", "inputs", "targets"]
"""Images a and b of samples, see `split_images`; or of one side by itself."""


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Images pass some at a time, in batches of a size of their own, whatever the run's; what must see each by itself,
    as a method that searches by chance, takes them apart (`Batch.row`).
    """

    subject: Subject
    seed: int
    """Of the run: noise of methods follows from it and the sample."""
    world: World
    places: tuple[int, ...] | None = None
    """In the stored order, ascending: these images alone, one at a time, with a and b together."""

    def images(self, side: Side, split: str, *, singly: bool = False) -> Iterator[Batch]:
        """This rank's share: of inputs or targets all, each as a and b of its batch, at the size of `together`.

        Args:
            singly: in batches of one, where each takes so long that people want to hear of it.
        """
        batch_size = 1 if singly or self.places is not None else self._at_once
        if side == "together":
            return split_images(self.subject, split=split, world=self.world, batch_size=batch_size, places=self.places)
        view = self._views(side)[0]
        return side_images(self.subject, view=view, split=split, world=self.world, batch_size=batch_size)

    @property
    def _at_once(self) -> int:
        height, width = self.subject.data.crop_shape
        return at_once(height, width)

    def num_images(self, side: Side, split: str) -> int:
        """How many those are."""
        subject = self.subject
        if self.places is not None:
            return len(self.places)
        if subject.manifest.kind == "paired":
            number = subject.num_images(split)
        else:
            number = min(subject.num_images(split, view) for view in self._views(side))
        return len(rank_share(number, rank=self.world.rank, world_size=self.world.size))

    def _views(self, side: Side) -> tuple[str, ...]:
        data, is_single = self.subject.data, self.subject.pairing == "single"
        both = (data.view_b,) if is_single else (data.view_a, data.view_b)
        return {"together": both, "inputs": both[:1], "targets": both[-1:]}[side]
