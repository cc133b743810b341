"""Images that pass together, each as if it were alone: its own statistics in batch norms, its own chance in dropout.

pix2pix translates with batch norms that take the statistics of what they are given, and with dropout for noise (Isola
et al. 2017, section 3.2), one image at a time. Deep in a U-Net most of that time goes into reading millions of weights
for a few pixels. Together, images share that.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from trainer.engine.instance_norm import norm_each_image


class ApartBatchNorm(nn.BatchNorm2d):
    """Batch norm that may take each image's statistics by themselves, as it would of a batch of that image."""

    generators: Sequence[torch.Generator] = ()
    """See `ApartDropout`. It draws nothing: that there are any says that images are apart."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not self.generators:
            return super().forward(input)
        return norm_each_image(input, self.weight, self.bias, eps=self.eps)


class ApartDropout(nn.Dropout):
    """Dropout that may draw each image's mask by a generator of its own: on a CPU, as it would of that image alone."""

    generators: Sequence[torch.Generator] = ()
    """One for each image of the batch; of none, torch's own for all."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not self.generators or self.p in (0, 1):
            return super().forward(input)
        made = torch.empty_like(input)
        for image, out, generator in zip(input.split(1), made.split(1), self.generators, strict=True):
            kept = torch.empty_like(image).bernoulli_(1 - self.p, generator=generator)
            torch.mul(image, kept.div_(1 - self.p), out=out)
        return made


def can_be_apart(networks: Iterable[nn.Module]) -> bool:
    """Whether what networks make of an image need not depend on others in a batch, nor on torch's own generator."""
    layers = [layer for network in networks for layer in network.modules() if layer.training]
    norms = all(isinstance(layer, ApartBatchNorm) for layer in layers if isinstance(layer, _BatchNorm))
    return norms and all(
        isinstance(layer, ApartDropout) for layer in layers if isinstance(layer, _DropoutNd) and layer.p
    )


def let_be_apart(networks: Iterable[nn.Module]) -> None:
    """Give layers of networks their kinds here; as long as nothing asks for more they do as before."""
    kinds: dict[type[nn.Module], type[nn.Module]] = {nn.BatchNorm2d: ApartBatchNorm, nn.Dropout: ApartDropout}
    for network in networks:
        for layer in network.modules():
            if type(layer) in kinds:
                layer.__class__ = kinds[type(layer)]


@contextmanager
def images_apart(networks: Iterable[nn.Module], seeds: Sequence[int], *, device: torch.device) -> Iterator[None]:
    """Inside, networks see batches of as many images as there are seeds, and each image as if it were alone.

    Args:
        seeds: of each image's dropout.
    """
    every = (layer for network in networks for layer in network.modules())
    layers = [layer for layer in every if isinstance(layer, ApartBatchNorm | ApartDropout)]
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    try:
        for layer in layers:
            layer.generators = generators
        yield
    finally:
        for layer in layers:
            layer.generators = ()
