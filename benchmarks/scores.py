"""How time and memory of the scores grow with the number of images: `python -m benchmarks.scores`.

Each count has a process of its own, with one thread. Images are smooth noise, and pass some at a time, as in `diptych
evaluate`; nothing is translated or read. Beside the scores: the encoder alone on as many images, below which no score
of sets can be. It sees some of the images in turns with the scores, as processors change their pace. Seconds are of
the processor, so that others on the machine hardly count.
"""

import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from benchmarks.machine import describe_machine
from sharding.console import markdown_table
from trainer.evaluation.contestants import make_metrics
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder
from trainer.evaluation.metrics.base import HasIntervals, Metrics, ScoredView
from trainer.inference.together import AT_ONCE
from trainer.ranks.world import lone_world

_CPU = torch.device("cpu")
_ONE_IN = 4
"""Of so many parts the encoder alone sees one, and its time is taken for all."""
_TITLES = (
    "images",
    "pass, s",
    "distances, s",
    "intervals, s",
    "encoder alone, s",
    "peak, MiB",
    "more than before, MiB",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    images: tuple[int, ...] = (50, 200, 800)
    """Counts of pairs."""
    side: int = 64
    """Pixels."""


def _image(number: int, side: int) -> Tensor:
    noise = torch.randn(1, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(number))
    return F.interpolate(noise, (side, side), mode="bicubic").clamp(-1, 1)


def _encoder() -> Encoder:
    """With its weights read."""
    encoder = open_encoder("efficientnet-lite0", device=_CPU)
    assert encoder is not None
    encoder.pooled(torch.zeros(1, 3, 8, 8))
    return encoder


def _peak() -> float:
    """MiB that the process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Alone:
    """The encoder without scores, beside them."""

    def __init__(self) -> None:
        self.encoder = _encoder()
        self.spent, self.num_images = 0.0, 0

    def see(self, images: Tensor) -> float:
        """Returns the seconds that it took."""
        start = time.process_time()
        self.encoder.pooled(images)
        taken = time.process_time() - start
        self.spent, self.num_images = self.spent + taken, self.num_images + len(images)
        return taken


def _times(metrics: Metrics, alone: Alone, num_images: int, side: int) -> list[float]:
    """Seconds of the pass, of what is computed of all images, and of intervals."""
    times, everything = [time.process_time()], (*metrics.pairs, *metrics.sets)
    for part, numbers in enumerate(torch.arange(num_images).split(AT_ONCE)):
        fake, real = (torch.cat([_image(2 * number + of, side) for number in numbers.tolist()]) for of in (0, 1))
        if part % _ONE_IN == 0:
            times[0] += alone.see(torch.cat([fake, real]))
        for metric in metrics.pairs:
            metric.update(fake, real)
        for metric in metrics.sets:
            metric.update_fakes(fake)
            metric.update_reals(real)
    for metric in everything:
        metric.merge(lone_world(_CPU))
    times.append(time.process_time())
    for metric in everything:
        metric.compute()
    times.append(time.process_time())
    for metric in everything:
        if isinstance(metric, HasIntervals):
            metric.intervals()
    times.append(time.process_time())
    return [after - before for before, after in pairwise(times)]


def _row(num_images: int, side: int) -> Sequence[str]:
    torch.set_num_threads(1)
    view = ScoredView(eight_bits=True, encoder=_encoder())
    before = _peak()
    alone = Alone()
    spent = _times(make_metrics(view, met={"sets", "pairs"}), alone, num_images, side)
    peak = _peak()
    least = 2 * num_images * alone.spent / alone.num_images
    seconds = [f"{value:.1f}" for value in (*spent, least)]
    return [str(num_images), *seconds, f"{peak:.0f}", f"{peak - before:.0f}"]


def main(options: Options) -> None:
    """Print the table."""
    print(describe_machine("torch"))
    rows: list[Sequence[str]] = []
    for count in options.images:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(_row, count, options.side).result())
        print("\n".join(markdown_table(_TITLES, rows[-1:])), flush=True)
    print("\n".join(markdown_table(_TITLES, rows)))


if __name__ == "__main__":
    main(tyro.cli(Options))
