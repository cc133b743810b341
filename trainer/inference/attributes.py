"""Directions in the space of codes that add an attribute to an image (Larsen et al. 2016, section 4.2.1)."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

import torch
from torch import Tensor

from sharding.errors import DatasetError
from trainer.data.batch import Batch
from trainer.inference.translator import Translator
from trainer.methods.codes import map_codes

MOST_BATCHES = 64


class AttributeVectors:
    """Directions of label values: the mean code of training images that have it, less the mean of those that do not.

    Args:
        translator: of a method that encodes and decodes.
        batches: called once, gives labelled training images (as views b); the first `MOST_BATCHES` batches are used.

    Raises:
        DatasetError: all images have one value.
    """

    def __init__(self, translator: Translator, batches: Callable[[], Iterable[Batch]]) -> None:
        self.translator = translator
        pairs = [
            (translator.encode(batch.b), batch.label)
            for batch in islice(batches(), MOST_BATCHES)
            if batch.label is not None
        ]
        codes = map_codes(lambda *parts: torch.cat(parts), *(code for code, _ in pairs))
        labels = torch.cat([label for _, label in pairs])
        values = labels.unique()
        if len(values) < 2:
            raise DatasetError(
                f"the {len(labels)} training images that attribute vectors are made of all have one value of the "
                "label; use a label in which they differ."
            )
        self.vectors = {int(value): map_codes(partial(_direction, has_it=labels == value), codes) for value in values}
        self._none = map_codes(torch.zeros_like, self.vectors[int(values[0])])

    def add(self, image: Tensor, label: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] and int64 (N,) -> images with those attributes; one never seen changes nothing."""
        code = self.translator.encode(image)
        moves = [self.vectors.get(value, self._none) for value in label.tolist()]
        moved = map_codes(lambda own, *rows: own + torch.stack(rows), code, *moves)
        return self.translator.decode(moved)


def _direction(codes: Tensor, *, has_it: Tensor) -> Tensor:
    return codes[has_it].mean(dim=0) - codes[~has_it].mean(dim=0)
