"""Features of images by a fixed network, as sets of images are compared by them."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.encoders import ENCODERS, REMARKS, EncoderName
from trainer.evaluation.encoders.weights_file import WeightsFile
from trainer.pictures.tensors import to_uint8

_REMARK = "Its scores are not those of Inception: compare them with each other only."
_AT_ONCE = {"cpu": 4}
"""Images. On a CPU 16 take no less time each, and EfficientNet-Lite0's maps of them 0.3 GB in place of 0.1."""
_AT_ONCE_ELSEWHERE = 16
_MOST_KEPT = 8192
"""Images whose pooled features are kept: 40 MB of 1280 each. Real images come again and again while a run goes on."""
_MOST_STAGES = 32
"""Images whose maps are kept, some MB each: one target is compared with the images of several contestants."""


class Backbone(Protocol):
    """A fixed network, cut into stages."""

    side: int
    """Pixels of the square that it takes."""

    def encode(self, levels: Tensor) -> tuple[list[Tensor], Tensor]:
        """(N, 3, side, side) grey levels in 0..255, or a little beyond where edges were resized.

        Returns:
            The stages' maps (N, C, H, W), and (N, D) features of the whole image.
        """
        ...


class Encoder:
    """Images to features, once for each picture: equal ones are known by their content.

    Images are rounded to 8 bits as their files would be, and then resized to the network's square by antialiased
    bicubic interpolation, unrounded, as clean-fid does (Parmar et al. 2022, arXiv:2104.11222). Grey ones become RGB.

    Args:
        name: as in `evaluate.encoder`; part of the scores' names.
        load: gives the network, when the first image comes.
        device: of the network; features are given on the CPU.
        file: with the weights, where they do not come with the installation.
    """

    def __init__(
        self,
        name: EncoderName,
        load: Callable[[], Backbone],
        *,
        device: torch.device,
        file: WeightsFile | None = None,
    ) -> None:
        self.name: EncoderName = name
        self.device = device
        self.file = file
        self._load = load
        self._backbone: Backbone | None = None
        self._pooled: OrderedDict[bytes, Tensor] = OrderedDict()
        self._stages: OrderedDict[bytes, list[Tensor]] = OrderedDict()

    @property
    def note(self) -> str:
        """How images were seen, and with which weights, for people."""
        side = self.network.side
        seen = f"{ENCODERS[self.name]} sees images of 8 bits, resized to {side} x {side} pixels by antialiased bicubic "
        weights = f" Weights: {self.file.path.name}, SHA-256 {self.file.sha256}." if self.file is not None else ""
        return f"{seen}interpolation.{weights} {REMARKS.get(self.name, _REMARK)}"

    def open(self, *, expected: str | None = None) -> None:
        """Read weights that come from a file, before any image. Raises ConfigError if they cannot be used.

        Args:
            expected: SHA-256 of the file, if it must be one.
        """
        if self.file is not None:
            self.file.check(expected)
            assert self.network

    @property
    def layers(self) -> nn.Sequential:
        """Of VGG-16 and AlexNet: torchvision's `features`, for scores that take images at their own size."""
        network: Any = self.network
        return network.network.features

    def close(self) -> None:
        """Forget the network, until it is asked for again."""
        self._backbone = None

    def pooled(self, images: Tensor) -> Tensor:
        """(N, 1 or 3, H, W) in [-1, 1] -> (N, D) float32 on the CPU."""
        pixels = to_uint8(images)
        digests = [_digest(image) for image in pixels]
        for part in self._parts(digests, self._pooled):
            self._take_in(part, pixels)
        found = torch.stack([self._pooled[digest] for digest in digests])
        _trim(self._pooled, _MOST_KEPT)
        return found

    def stages(self, images: Tensor) -> list[Tensor]:
        """(N, 1 or 3, H, W) in [-1, 1] -> a map (N, C, H', W') float32 of each stage, on the encoder's device."""
        pixels = to_uint8(images)
        digests = [_digest(image) for image in pixels]
        for part in self._parts(digests, self._stages):
            for digest, *maps in zip(part, *self._take_in(part, pixels), strict=True):
                self._stages[digest] = maps
        found = [torch.stack(maps) for maps in zip(*(self._stages[digest] for digest in digests), strict=True)]
        _trim(self._stages, _MOST_STAGES)
        return found

    def _parts(self, digests: Sequence[bytes], known: Collection[bytes]) -> Iterator[dict[bytes, int]]:
        """The places of images that are not known, of each content one, some at a time."""
        new = [*{digest: place for place, digest in enumerate(digests) if digest not in known}.items()]
        size = _AT_ONCE.get(self.device.type, _AT_ONCE_ELSEWHERE)
        yield from (dict(new[start : start + size]) for start in range(0, len(new), size))

    @torch.no_grad()
    def _take_in(self, part: Mapping[bytes, int], pixels: Tensor) -> list[Tensor]:
        """Encode images by their places, and keep what is pooled. Returns the stages' maps."""
        maps, pooled = self.network.encode(self._resized(pixels[[*part.values()]]))
        self._pooled |= zip(part, pooled.float().cpu(), strict=True)
        return maps

    @property
    def network(self) -> Backbone:
        """Read when it is asked for first. Raises ConfigError if its weights cannot be."""
        if self._backbone is None:
            self._backbone = self._load()
        return self._backbone

    def _resized(self, pixels: Tensor) -> Tensor:
        levels = pixels.to(self.device).float().expand(-1, 3, -1, -1)
        side = (self.network.side,) * 2
        if levels.shape[2:] != side:
            levels = F.interpolate(levels, side, mode="bicubic", antialias=True)
        return levels.contiguous(memory_format=torch.channels_last)  # a fifth faster, on CPUs and GPUs


def _digest(image: Tensor) -> bytes:
    digest = blake2b(repr(tuple(image.shape)).encode(), digest_size=16)
    digest.update(image.cpu().contiguous().numpy().data)
    return digest.digest()


def _trim(kept: OrderedDict[bytes, Any], most: int) -> None:
    """Forget those that came first."""
    while len(kept) > most:
        kept.popitem(last=False)
