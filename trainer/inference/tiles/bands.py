"""Translates a picture of any size tile by tile, and gives its rows as they are done."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from trainer.inference.tiles.grid import Tiling, spans, weights
from trainer.inference.tiles.statistics import common_statistics

SAMPLED_PIXELS = 2_500_000
"""Of a picture, at most, that statistics are taken of: about 1 GB of memory at 64 filters."""


class Rows(Protocol):
    """A picture that is read by rows."""

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        ...

    def read(self, top: int, bottom: int) -> Tensor:
        """(C, bottom - top, width) in [-1, 1]."""
        ...


def translate_by_tiles(
    picture: Rows,
    apply: Callable[[Tensor], Tensor],
    *,
    tiling: Tiling,
    stride: int,
    networks: Iterable[nn.Module] = (),
) -> Iterator[Tensor]:
    """Rows (C, h, width) of the translation, in order; memory grows with the picture's width, not with its height.

    Args:
        apply: (N, C, H, W) in [-1, 1] of any size -> likewise; C may differ.
        tiling: as `fitted` to `stride`.
        networks: those that `apply` uses, whose norms are to have one statistic in the whole picture.
    """

    def sample() -> None:
        apply(sampled_tiles(picture, tiling=tiling, stride=stride))

    if max(picture.size) <= tiling.side:
        yield apply(picture.read(0, picture.size[1])[None])[0]
        return
    with common_statistics(networks, sample):
        yield from _bands(picture, apply, tiling=tiling, stride=stride)


def _bands(picture: Rows, apply: Callable[[Tensor], Tensor], *, tiling: Tiling, stride: int) -> Iterator[Tensor]:
    width, height = picture.size
    rows, columns = spans(height, tiling, stride=stride), spans(width, tiling, stride=stride)
    row_weights, column_weights = ([torch.from_numpy(each) for each in weights(side)] for side in (rows, columns))
    begun: Tensor | None = None
    for number, (top, bottom) in enumerate(rows):
        image = picture.read(top, bottom)
        total: Tensor | None = None
        for (left, right), weight in zip(columns, column_weights, strict=True):
            tile = apply(image[None, :, :, left:right])[0].float().cpu() * weight
            if total is None:
                total = torch.zeros(tile.shape[0], bottom - top, width)
            total[:, :, left:right] += tile
        assert total is not None
        total *= row_weights[number][:, None]
        if begun is not None:
            total[:, : begun.shape[1]] += begun
        done = (rows[number + 1][0] if number + 1 < len(rows) else bottom) - top
        begun = total[:, done:].clone()
        yield total[:, :done]


def sampled_tiles(picture: Rows, *, tiling: Tiling, stride: int) -> Tensor:
    """Tiles (N, C, h, w) spread evenly over a picture, which together stand for it.

    All of the picture where it has no more than `SAMPLED_PIXELS`; else as many tiles.
    """
    width, height = (max(stride, length // stride * stride) for length in picture.size)
    if width * height <= SAMPLED_PIXELS:
        return picture.read(0, picture.size[1])[None]
    side = tiling.side
    most = max(1, int((SAMPLED_PIXELS / side**2) ** 0.5))
    lefts, tops = (_begins(length, side, most=most, stride=stride) for length in picture.size)
    tiles = []
    for top in tops:
        band = picture.read(top, min(top + side, picture.size[1]))
        tiles += [band[:, :, left : left + side] for left in lefts]
    return torch.stack(tiles)


def _begins(length: int, side: int, *, most: int, stride: int) -> list[int]:
    """Begins of up to `most` tiles, as far from each other as they can be, at multiples of the stride."""
    if length <= side:
        return [0]
    number = min(most, max(1, length // side))
    room = (length - side) // stride
    if number == 1:
        return [room // 2 * stride]
    return [room * place // (number - 1) * stride for place in range(number)]
