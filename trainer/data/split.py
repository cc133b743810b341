"""The images of a split once, as evaluation and sample grids see them."""

from collections.abc import Iterator

from sharding.format.manifest import Manifest
from trainer.config.data import DataConfig, Pairing
from trainer.data.batch import Batch
from trainer.data.loader import evaluation_batches
from trainer.ranks.world import World


def split_images(
    data: DataConfig,
    manifest: Manifest,
    *,
    split: str,
    world: World,
    batch_size: int = 1,
    pairing: Pairing = "paired",
) -> Iterator[Batch]:
    """This rank's share of one pass, cut from the centre, not flipped; with labels where `data.label` is set.

    One image at a time for whatever is translated: a method may use batch statistics, and only so do results depend
    neither on the batch size nor on the ranks.

    Args:
        pairing: what the method learns from. "single": a is b. "unpaired": a and b belong together nevertheless where
            `knows_truth(data, manifest)`; where not, they are the n-th of each, up to the shorter of the two: good for
            pictures and round trips, never for the truth.

    Raises:
        DatasetError: the data set is damaged, or lacks the split or the label.
        ConfigError: it lacks a view, or has it in a form that cannot be trained on.
    """
    return evaluation_batches(
        data=data,
        pairing=pairing,
        manifest=manifest,
        split=split,
        load_size=evaluation_size(data, manifest),
        batch_size=batch_size,
        rank=world.rank,
        world_size=world.size,
        device_id=world.device_id,
    )


def evaluation_size(data: DataConfig, manifest: Manifest) -> tuple[int, int]:
    """Height and width in pixels to which images are resized, or which they cover, before the centre is cut out.

    The target's stored size wherever training sees about that scale: there, targets are not resampled, so that class
    colours stay flat and, as in the paper, an image of the crop's size is scored whole. Where the samples differ in
    size, that of the crop.
    """
    view = manifest.views[data.view_b]
    stored = (view.height or 0, view.width or 0)
    sides = zip(stored, data.crop_shape, data.load_shape, strict=True)
    height, width = (max(min(max(own, crop), load), crop) for own, crop, load in sides)
    return height, width
