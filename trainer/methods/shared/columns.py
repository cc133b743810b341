"""Columns of pictures that several methods show."""

from typing import Protocol

from torch import Tensor

from trainer.data.batch import Batch
from trainer.methods.base import Networks, Samples, Translates

NUM_SAMPLES = 3


class _Codes(Translates, Samples, Protocol):
    """A method that reconstructs images and draws new ones."""


def reconstruction_and_samples(method: _Codes, networks: Networks, batch: Batch) -> dict[str, Tensor]:
    """Image, reconstruction, and samples that have nothing to do with it."""
    return {"input": batch.b, "reconstruction": method.translate(networks, batch.b)} | {
        f"sample {place}": method.sample(networks, len(batch.b), None) for place in range(1, NUM_SAMPLES + 1)
    }
