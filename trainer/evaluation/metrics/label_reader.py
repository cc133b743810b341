"""A classifier that reads labels of images, trained on real ones: the judge of images made to have a label.

The way of the FCN score (Isola et al. 2017, section 4.1): if images are realistic, a classifier trained on real images
reads them rightly.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_STEPS = 300
BATCH_SIZE = 64
_WIDTHS = (16, 32, 64, 128)
_LEARNING_RATE = 2e-3


class LabelReader:
    """A small convolutional network, trained on the spot.

    Args:
        images: (N, C, H, W) in [-1, 1], on the device to train on; N of 64 or more is sensible.
        labels: int64 (N,).
        num_labels: values that a label can have.

    Torch's default generator decides its weights and its batches: seed it.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, num_labels: int, num_steps: int = NUM_STEPS) -> None:
        self.network = _network(images.shape[1], num_labels).to(images.device)
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=_LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=_LEARNING_RATE, total_steps=num_steps)
        size = min(BATCH_SIZE, len(images))
        with torch.enable_grad():
            for _ in range(num_steps):
                chosen = torch.randint(len(images), (size,)).to(images.device)
                loss = F.cross_entropy(self.network(_moved(images[chosen])), labels[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        self.network.eval()

    @torch.no_grad()
    def read(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> int64 (N,), the likeliest labels."""
        return torch.cat([self.network(part).argmax(dim=1) for part in images.split(BATCH_SIZE)])


def _network(channels: int, num_labels: int) -> nn.Module:
    layers: list[nn.Module] = []
    widths: Sequence[int] = (channels, *_WIDTHS)
    for before, after in itertools.pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * widths[-1], num_labels))


def _moved(images: Tensor) -> Tensor:
    """All by the same up to two pixels, so that places are not learnt by heart."""
    rows, columns = torch.randint(-2, 3, (2,)).tolist()
    return images.roll((rows, columns), dims=(2, 3))
