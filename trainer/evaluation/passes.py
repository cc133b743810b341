"""One pass over the images of a split: a and b together, or each side by itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from trainer.data.batch import Batch
from trainer.data.split import side_images, split_images
from trainer.data.subject import Subject
from trainer.ranks.world import World


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Images pass one at a time, so that scores depend neither on the batch size nor on the number of ranks."""

    subject: Subject
    seed: int
    """Of the run: noise of methods follows from it and the sample."""
    world: World

    def together(self, split: str) -> Iterator[Batch]:
        """This rank's share; see `split_images`."""
        return split_images(self.subject, split=split, world=self.world)

    def inputs(self, split: str) -> Iterator[Batch]:
        """This rank's share of all images a, each as a and b of its batch, at the size at which `together` has them."""
        return side_images(self.subject, view=self.subject.data.view_a, split=split, world=self.world)

    def targets(self, split: str) -> Iterator[Batch]:
        """This rank's share of all images b, likewise."""
        return side_images(self.subject, view=self.subject.data.view_b, split=split, world=self.world)
