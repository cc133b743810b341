"""Pictures of one size pass through the networks together, while those after them are read and those before written."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from torch import Tensor

from trainer.inference.sources import Source

AT_ONCE = 16  # images
_MOST_PIXELS = 16 * 256**2
"""Of the images of a batch: of larger ones fewer pass at a time, so that memory stays bounded."""

_T = TypeVar("_T")


def at_once(height: int, width: int) -> int:
    """How many images of this size pass at a time."""
    return max(1, min(AT_ONCE, _MOST_PIXELS // (height * width)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A picture that was read."""

    source: Source
    """A file, or a sample of a shard."""
    target: Path
    image: Tensor
    """(C, H, W) in [-1, 1]."""
    beyond: float
    """How many of its values lay beyond the view's range, of 1."""


class Steps(Protocol):
    """What is done to pictures. A fault of one of them is noted, and is no fault of the others."""

    def read(self, source: Source, target: Path) -> Picture | None:
        """None if it cannot be read. Called by one thread."""
        ...

    def translate(self, pictures: list[Picture]) -> list[Tensor | None]:
        """(C, H, W) of each; None of one that could not be."""
        ...

    def write(self, pictures: list[Picture], translated: list[Tensor | None]) -> None:
        """Called by another thread. Raises OSError for what concerns other pictures, too."""
        ...


def translate_together(blocks: Sequence[Mapping[Source, Path]], steps: Steps, *, most: int = AT_ONCE) -> None:
    """Translate sources to their targets. Of neighbours of one size in a block `at_once` pass together; three such
    groups are kept.

    Args:
        most: pictures that pass together; 1 where what becomes of one is not to depend on others.

    Raises:
        OSError: of `Steps.write`; what was read behind is not translated.
    """
    written: Future[None] | None = None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        for group in _ahead(_groups(blocks, steps, most=most), reader):
            translated = steps.translate(group)
            if written is not None:
                written.result()
            written = writer.submit(steps.write, group, translated)
        if written is not None:
            written.result()


def _ahead(groups: Iterator[_T], thread: ThreadPoolExecutor) -> Iterator[_T]:
    """The same, each made while the one before it is used."""
    coming = thread.submit(next, groups, None)
    while (group := coming.result()) is not None:
        coming = thread.submit(next, groups, None)
        yield group


def _groups(blocks: Sequence[Mapping[Source, Path]], steps: Steps, *, most: int) -> Iterator[list[Picture]]:
    for block in blocks:
        group: list[Picture] = []
        for source, target in block.items():
            picture = steps.read(source, target)
            if picture is None:
                continue
            height, width = picture.image.shape[-2:]
            is_full = len(group) >= min(most, at_once(height, width))
            if group and (is_full or picture.image.shape != group[0].image.shape):
                yield group
                group = []
            group.append(picture)
        if group:
            yield group
