"""The images of a split one at a time, as evaluation and sample grids see them."""

from collections.abc import Iterator

from sharding.manifest import Manifest
from trainer.config import DataConfig
from trainer.data.batch import Batch
from trainer.data.loader import evaluation_batches
from trainer.world import World


def single_images(data: DataConfig, manifest: Manifest, *, split: str, world: World) -> Iterator[Batch]:
    """Batches of one image: this rank's share of one pass, cut from the centre, not flipped.

    A method may use batch statistics: so, results depend neither on the batch size nor on the ranks.

    Raises:
        DatasetError: the data set is damaged, or lacks the split or a view.
    """
    return evaluation_batches(
        folder=data.path,
        split=split,
        view_a=data.view_a,
        view_b=data.view_b,
        load_size=evaluation_size(data, manifest),
        crop_size=data.crop_size,
        batch_size=1,
        rank=world.rank,
        world_size=world.size,
        num_threads=data.num_threads,
        device_id=world.device_id,
    )


def evaluation_size(data: DataConfig, manifest: Manifest) -> int:
    """Pixels: the side to which images are resized before the centre is cut out.

    The target's stored size wherever training sees about that scale: there, targets are not resampled, so
    that class colours stay flat and, as in the paper, an image of the crop's size is scored whole.
    """
    return min(max(manifest.views[data.view_b].width, data.crop_size), data.load_size)
