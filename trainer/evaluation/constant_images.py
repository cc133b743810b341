"""The images that do without an input: of the training targets the mean, and the commonest class of each pixel.

Made once for a data set and kept in the machine's cache, so that runs, trials and `diptych evaluate` on the same data
do not each read the training images.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sharding.console import make_console, one_line
from sharding.errors import DatasetError
from sharding.format.codec.npy import read_pixels
from sharding.format.manifest import ClassInfo
from sharding.format.manifest_file import manifest_digest
from sharding.storage.cache import Cache
from sharding.storage.made import MadeFile, made_file
from trainer.config.errors import ConfigError
from trainer.data.split import side_images
from trainer.data.subject import Subject
from trainer.data.views import keeps_class_colors
from trainer.evaluation.contestants import one_thread
from trainer.pictures.classes import class_colors, exact_class, nearest_class, paint_classes
from trainer.ranks.world import World

MOST_IMAGES = 8192
"""Training images that are read: those whose names' hashes come first, the same on any number of ranks."""
_AT_ONCE = 16
_RECIPE = "baselines 2"
"""Goes up with whatever changes what is made of the same images."""
_HEADER_BYTES = 1024  # of an array's file, at most


def constant_images(subject: Subject, *, classes: Sequence[ClassInfo], world: World) -> tuple[Tensor, Tensor]:
    """Mean and, in flat colours, majority of the training targets as evaluation sees them, pixel by pixel.

    Args:
        classes: that targets show; without, the second image is the first.
        world: every rank calls it at the same time.

    Returns:
        (1, C, H, W) in [-1, 1] on the world's device, equal on all ranks.
    """
    shape = (subject.view_b.channels + bool(classes), *subject.data.crop_shape)
    with _kept_file(subject, shape=shape, has_classes=bool(classes), world=world) as file:
        kept = None if file is None else _read(file, shape=shape, num_classes=len(classes))
        if world.any(kept is not None):
            # The main rank alone has looked: the others get its values, to the last bit.
            stack = world.sum((torch.zeros(shape) if kept is None else kept).to(world.device))
        else:
            stack = _make(subject, classes, world=world)
            if file is not None:
                _write(file, stack.cpu().numpy())
    if not classes:
        return stack[None], stack[None]
    return stack[None, :-1], paint_classes(stack[None, -1].long(), class_colors(classes))


@one_thread()
def _make(subject: Subject, classes: Sequence[ClassInfo], *, world: World) -> Tensor:
    """float32 [C, H, W]: the mean; behind it, if there are classes, the number of the commonest."""
    shape = subject.data.crop_shape
    total = torch.zeros(subject.view_b.channels, *shape, dtype=torch.float64, device=world.device)
    votes = torch.zeros(len(classes), *shape, dtype=torch.float64, device=world.device)
    count = torch.zeros((), dtype=torch.float64, device=world.device)
    colors, view = class_colors(classes), subject.data.view_b
    read_target = exact_class if keeps_class_colors(subject.manifest.views[view]) else nearest_class
    for batch in side_images(subject, view=view, split="train", world=world, batch_size=_AT_ONCE, most=MOST_IMAGES):
        total += batch.b.sum(dim=0, dtype=torch.float64)
        count += len(batch.b)
        if classes:
            votes += _votes(read_target(batch.b, colors), num_classes=len(classes))
    mean = (world.sum(total) / world.sum(count)).float()
    return torch.cat([mean, _commonest(world.sum(votes)).float()]) if classes else mean


def _votes(numbers: Tensor, *, num_classes: int) -> Tensor:
    """Classes (N, H, W), some of which may be none (-1) -> (K, H, W): how many images show each."""
    return F.one_hot(numbers + 1, num_classes=num_classes + 1)[..., 1:].sum(dim=0).movedim(-1, 0)


def _commonest(votes: Tensor) -> Tensor:
    """(K, H, W) -> (1, H, W): of each pixel; where no image shows a class, of all pixels together."""
    is_labelled = votes.sum(dim=0, keepdim=True) > 0
    return votes.where(is_labelled, votes.sum(dim=(1, 2), keepdim=True)).argmax(dim=0, keepdim=True)


def _made_of(subject: Subject, *, has_classes: bool, world: World) -> str:
    """All that the images depend on: of the data set all, of the run what is evaluated, of the machine the decoder."""
    data = subject.data
    values = {
        "recipe": _RECIPE,
        "manifest": manifest_digest(subject.manifest),
        "view": data.view_b,
        "resize": data.resize,
        "size": subject.evaluation_size,
        "crop": data.crop_shape,
        "held_out": subject.held_out.get(data.view_b, 0),
        "images": MOST_IMAGES,
        "classes": has_classes,
        "device": world.device.type,
    }
    return json.dumps(values, sort_keys=True)


@contextmanager
def _kept_file(
    subject: Subject, *, shape: tuple[int, ...], has_classes: bool, world: World
) -> Iterator[MadeFile | None]:
    """Where the main rank keeps them; None on the others, and where the machine's cache cannot be used."""
    with ExitStack() as held:
        file = None
        if world.is_main:
            data, made_of = subject.data, _made_of(subject, has_classes=has_classes, world=world)
            most = _HEADER_BYTES + 4 * int(np.prod(shape))
            try:
                cache = Cache(data.cache_folder, max_bytes=int(data.cache_limit_gb * 1e9))
                file = held.enter_context(made_file(cache, made_of=made_of, most=most))
            except (OSError, DatasetError, ConfigError) as error:
                _tell(error)
        yield file


def _read(file: MadeFile, *, shape: tuple[int, ...], num_classes: int) -> Tensor | None:
    """What is kept; None if there is nothing, or anything else."""
    content = file.read()
    if content is None:
        return None
    try:
        stack = read_pixels(content)
    except (ValueError, TypeError, OverflowError):
        return None
    if stack.shape != shape or stack.dtype != np.float32 or not np.isfinite(stack).all():
        return None
    if num_classes and not np.isin(stack[-1], np.arange(num_classes)).all():
        return None
    return torch.from_numpy(stack)


def _write(file: MadeFile, stack: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(stack), allow_pickle=False)
    try:
        file.write(content.getvalue())
    except OSError as error:
        _tell(error)


def _tell(error: Exception) -> None:
    note = f"the baselines are not kept, and training images are read for them each time: {error}"
    make_console(stderr=True).print(one_line(note))
