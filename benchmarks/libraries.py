"""Scores beside torchmetrics' own of the same pictures: `python -m benchmarks.libraries`.

Both take the same pairs through the same networks, whose weights are drawn, in turns in one process (ours, theirs,
theirs, ours), each turn with pictures of its own, on one thread. Seconds are of the processor, from the first picture
to the score. Ours round pictures to 8 bits as well, which torchmetrics expects done; of sets they find six scores in
one pass, where torchmetrics finds one.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
import torchmetrics.functional.image.dists as functional
import torchmetrics.image as theirs
import torchvision
import tyro
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from benchmarks.machine import command_line, describe_machine
from sharding.console import markdown_table
from trainer.config.encoders import EncoderName
from trainer.config.errors import ConfigError
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder
from trainer.evaluation.metrics import dists, features, lpips, ms_ssim, psnr, ssim
from trainer.evaluation.metrics.base import ScoredView
from trainer.ranks.world import lone_world

_CPU = torch.device("cpu")
_AT_ONCE = 16
_MODELS = {"inception": "inception_v3"}
"""As torchvision calls them, where otherwise."""
_TITLES = ("score", "ours, s", "torchmetrics, s", "times theirs", "least and most")
Score = Callable[[Tensor, Tensor], None]
"""Scores (N, 3, H, W) made and real pictures in [-1, 1], of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    scores: tuple[str, ...] = ("psnr", "ssim", "ms_ssim", "lpips/alexnet", "dists/vgg16", "fid", "kid")
    """Of these."""
    images: int = 32
    """Pairs in a turn."""
    side: int = 256
    """Of the pictures, in pixels."""
    rounds: int = 3
    """Of four turns, after one that is not counted."""


class Pooled(nn.Module):
    """The network of an encoder as torchmetrics takes one: of pictures of 8 bits, which it resizes as ours are."""

    num_features = 2048

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.network = encoder.network

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        resized = F.interpolate(pixels.float(), (self.network.side,) * 2, mode="bicubic", antialias=True)
        return self.network.encode(resized.contiguous(memory_format=torch.channels_last))[1]


def _encoder(name: EncoderName, folder: Path) -> Encoder:
    """With the weights that torchvision draws."""
    kwargs: dict[str, Any] = {}
    if name == "inception":
        kwargs = {"aux_logits": False, "init_weights": False, "num_classes": 1008}
    path, drawn = folder / f"{name}.pth", getattr(torchvision.models, _MODELS.get(name, name))(**kwargs)
    torch.save(drawn.state_dict(), path)
    encoder = open_encoder(name, device=_CPU, weights=path, field="encoder_weights")
    assert encoder is not None
    encoder.open()
    return encoder


def _parts(fakes: Tensor, reals: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    return zip(fakes.split(_AT_ONCE), reals.split(_AT_ONCE), strict=True)


def _our_pairs(make: Callable[[ScoredView], Any], view: ScoredView) -> Score:
    def score(fakes: Tensor, reals: Tensor) -> None:
        metric = make(view)
        for fake, real in _parts(fakes, reals):
            metric.update(fake, real)
        metric.merge(lone_world(_CPU))
        metric.compute()

    return score


def _their_pairs(metric: Any, *, signed: bool = False) -> Score:
    """Args: signed: whether it takes [-1, 1] and not [0, 1]."""

    def score(fakes: Tensor, reals: Tensor) -> None:
        metric.reset()
        for fake, real in _parts(fakes, reals):
            metric.update(*((fake, real) if signed else ((fake + 1) / 2, (real + 1) / 2)))
        metric.compute()

    return score


def _our_sets(view: ScoredView) -> Score:
    def score(fakes: Tensor, reals: Tensor) -> None:
        metric = features.make(view)
        for fake, real in _parts(fakes, reals):
            metric.update_fakes(fake)
            metric.update_reals(real)
        metric.merge(lone_world(_CPU))
        metric.compute()

    return score


def _their_sets(metric: Any) -> Score:
    def score(fakes: Tensor, reals: Tensor) -> None:
        metric.reset()
        for fake, real in _parts(fakes, reals):
            metric.update(((fake + 1) * 127.5).round().byte(), real=False)
            metric.update(((real + 1) * 127.5).round().byte(), real=True)
        metric.compute()

    return score


def _plain(name: str) -> tuple[Score, Score]:
    view = ScoredView(eight_bits=True)
    if name == "psnr":
        each: dict[str, Any] = {"data_range": 1.0, "dim": (1, 2, 3), "reduction": "elementwise_mean"}
        return _our_pairs(psnr.make, view), _their_pairs(theirs.PeakSignalNoiseRatio(**each))
    if name == "ssim":
        return _our_pairs(ssim.make, view), _their_pairs(theirs.StructuralSimilarityIndexMeasure(data_range=1.0))
    made = theirs.MultiScaleStructuralSimilarityIndexMeasure(data_range=1.0)
    return _our_pairs(ms_ssim.make, view), _their_pairs(made)


def _of_sets(name: str, folder: Path, *, subset: int) -> tuple[Score, Score]:
    encoder = _encoder("inception", folder)
    view, network = ScoredView(eight_bits=True, encoder=encoder), Pooled(encoder)
    if name == "fid":
        return _our_sets(view), _their_sets(FrechetInceptionDistance(feature=network))
    return _our_sets(view), _their_sets(KernelInceptionDistance(feature=network, subset_size=subset))


def _learnt(name: str, folder: Path) -> tuple[Score, Score]:
    """By AlexNet or VGG-16 as torchvision draws it, which torchmetrics would download."""
    network: Any = name.partition("/")[2]
    encoder = _encoder(network, folder)
    view, drawn = ScoredView(eight_bits=True, encoder=encoder), SimpleNamespace(features=encoder.layers)
    if network == "alexnet":
        with patch.object(torchvision.models, network, lambda weights: drawn):
            return _our_pairs(lpips.make, view), _their_pairs(theirs.LearnedPerceptualImagePatchSimilarity("alex"))
    setattr(functional, "vgg16", lambda weights: drawn)  # noqa: B010 it makes its network anew for each batch
    return _our_pairs(dists.make, view), _their_pairs(theirs.DeepImageStructureAndTextureSimilarity())


def _pictures(options: Options, *, seed: int) -> tuple[Tensor, Tensor]:
    """Smooth noise of 8 bits, made and real."""
    drawn = torch.randn(2 * options.images, 3, options.side // 8, options.side // 8,
                        generator=torch.Generator().manual_seed(seed))  # fmt: skip
    levels = F.interpolate(drawn, (options.side,) * 2, mode="bicubic").mul(64).add(128).clamp(0, 255).round()
    fakes, reals = (levels / 127.5 - 1).chunk(2)
    return fakes, reals


def _row(name: str, options: Options, folder: Path) -> list[str]:
    if name in ("fid", "kid"):
        both = _of_sets(name, folder, subset=options.images // 2)
    else:
        both = _learnt(name, folder) if "/" in name else _plain(name)
    spent: list[list[float]] = [[], []]
    for turn in range(4 * options.rounds + 4):
        which = (0, 1, 1, 0)[turn % 4]
        pictures = _pictures(options, seed=turn)
        start = time.process_time()
        both[which](*pictures)
        spent[which] += [time.process_time() - start] * (turn >= 4)
    ratios = [mine / other for mine, other in zip(*spent, strict=True)]
    ends = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return [name, *(f"{median(times):.2f}" for times in spent), f"{median(ratios):.2f}", ends]


def main(options: Options) -> None:
    """Print the table."""
    known = Options().scores
    for name in options.scores:
        if name not in known:
            raise ConfigError("scores", name, f"choose from {', '.join(known)}.")
    torch.set_num_threads(1)
    print(describe_machine("torch", "torchmetrics"), command_line("benchmarks.libraries"), sep="\n")
    print("\n".join(markdown_table(_TITLES, [])), flush=True)
    with TemporaryDirectory() as folder:
        for name in options.scores:
            print(markdown_table(_TITLES, [_row(name, options, Path(folder))])[-1], flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
