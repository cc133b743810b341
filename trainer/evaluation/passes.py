"""One pass over the images of a split: a and b together, or each side by itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sharding.format.manifest import Manifest, View
from trainer.data.batch import Batch
from trainer.data.loader import evaluation_batches
from trainer.data.split import evaluation_size, split_images
from trainer.data.subject import knows_truth, trained_view
from trainer.ranks.world import World
from trainer.runs.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Images pass one at a time, so that scores depend neither on the batch size nor on the number of ranks."""

    config: RunConfig
    manifest: Manifest
    world: World

    @property
    def is_single(self) -> bool:
        """Whether a is b."""
        return self.config.method.pairing == "single"

    @property
    def knows_truth(self) -> bool:
        """Whether b is what a translation of a is compared with."""
        return self.is_single or knows_truth(self.config.data, self.manifest)

    @property
    def view_a(self) -> View:
        return trained_view(self.manifest, self.config.data.view_b if self.is_single else self.config.data.view_a)

    @property
    def view_b(self) -> View:
        return trained_view(self.manifest, self.config.data.view_b)

    def together(self, split: str, *, batch_size: int = 1) -> Iterator[Batch]:
        """This rank's share; see `split_images`."""
        return split_images(
            self.config.data,
            self.manifest,
            split=split,
            world=self.world,
            batch_size=batch_size,
            pairing=self.config.method.pairing,
        )

    def inputs(self, split: str) -> Iterator[Batch]:
        """This rank's share of all images a, each as a and b of its batch, at the size at which `together` has them."""
        return self._side(split, self.config.data.view_a, batch_size=1)

    def targets(self, split: str, *, batch_size: int = 1) -> Iterator[Batch]:
        """This rank's share of all images b, likewise."""
        return self._side(split, self.config.data.view_b, batch_size=batch_size)

    def _side(self, split: str, view: str, *, batch_size: int) -> Iterator[Batch]:
        return evaluation_batches(
            data=replace(self.config.data, view_b=view, label=None),  # one side of unpaired images has no labels
            pairing="single",
            manifest=self.manifest,
            split=split,
            load_size=evaluation_size(self.config.data, self.manifest),
            batch_size=batch_size,
            rank=self.world.rank,
            world_size=self.world.size,
            device_id=self.world.device_id,
        )
