"""What is measured of training beside its losses: on the steps just before a line is due, and of the machine."""

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from trainer.config.log import LogConfig
from trainer.data.loader import Loader
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.engine.flops import FlopCount, peak_flops
from trainer.engine.look import Look
from trainer.engine.outputs import OutputStatistics
from trainer.engine.phases import PHASES
from trainer.loop.events import every
from trainer.loop.meter import Meter
from trainer.methods.base import steps_of_turn
from trainer.monitoring import Logger, Metrics
from trainer.ranks.world import World

_WARM_UP = 10
"""Steps before the one whose arithmetic is counted: libraries still try what is fastest."""
_GIBIBYTE = 2**30


class Measures:
    """Decides which steps are looked at, and makes the line's values of what was seen.

    Args:
        loader: of the batches.
        folder: of the run, on the disk that may fill.
        is_paired: whether view b of a batch is what its view a is to become.
    """

    def __init__(
        self,
        engine: Engine,
        average: MovingAverage,
        *,
        config: LogConfig,
        world: World,
        loader: Loader,
        folder: Path,
        is_paired: bool,
    ) -> None:
        self._engine, self._average, self._world, self._folder = engine, average, world, folder
        self._config, self._loader = config, loader
        self._is_paired = is_paired
        self._outputs = OutputStatistics()
        self._meter = Meter()
        self._flops = FlopCount()
        self._values: dict[str, torch.Tensor] = {}
        self._steps = 0
        self._images = 0
        self._turn = steps_of_turn(engine.method.players)
        self._processor = (0, time.process_time())
        self._before = engine.phases.totals()
        self._read = (time.monotonic(), loader.source.reading_s)
        self._checkpoint_gib = _checkpoint_bytes(engine, average) / _GIBIBYTE

    @contextmanager
    def step(self, before: int, num_images: int) -> Iterator[Look | None]:
        """Around a step of the engine from position `before`. Gives the look at it, if it is one to look at.

        Players take turns: as many steps are looked at, and counted, as it takes until each has stepped.
        """
        if not self._config.measures:
            yield None
            return
        due = every(self._config.period_kimg, lambda: None).is_due(before, before + self._turn * num_images)
        look = Look(outputs=self._outputs, is_paired=self._is_paired) if due else None
        if self._world.is_main and _WARM_UP <= self._steps < _WARM_UP + self._turn:
            with self._flops.step(num_images // self._world.size):
                yield look
        else:
            yield look
        self._engine.phases.enter("rest")
        self._steps += 1
        self._images += num_images
        if look is not None:
            with self._engine.gathered() as networks:
                look.at_average(self._average.networks, networks)
            self._meter.add(look.scalars)
            self._values |= look.values

    def line(self, images_per_s: float) -> Metrics:
        """Values of a line. All ranks call it."""
        if not self._config.measures:
            return {}
        seen = {key: value for key, value in self._meter.means(self._world).items() if math.isfinite(value)}
        return {
            **seen,
            **self._ratio(seen),
            **self._engine.learning_rates(),
            **self._shares(),
            **self._processors(),
            **self._machine(),
            **self._arithmetic(images_per_s),
        }

    def tell(self, loggers: Sequence[Logger], *, position: int) -> None:
        """Let loggers hear the single verdicts of this rank's last looks, since the call before."""
        seen, self._values = self._values, {}
        if loggers and seen:
            values = {key: found.tolist() for key, found in seen.items()}
            for logger in loggers:
                logger.histograms(values, position)

    def _ratio(self, seen: Metrics) -> Metrics:
        """Gradients of discriminators against those of all others."""
        squares = {True: 0.0, False: 0.0}
        for name, player in self._engine.method.players.items():
            squares[player.is_discriminator] += seen.get(f"gradient/{name}/norm", 0.0) ** 2
        if min(squares.values()) == 0:
            return {}
        return {"gradient/ratio": math.sqrt(squares[True] / squares[False])}

    def _shares(self) -> Metrics:
        """Of each phase in the time of the steps since the last line."""
        before, self._before = self._before, self._engine.phases.totals()
        seconds = {phase: self._before[phase] - before[phase] for phase in PHASES}
        total = sum(seconds.values())
        shares = {f"share/{phase}": value / total for phase, value in seconds.items()} if total > 0 else {}
        (then, read), self._read = self._read, (time.monotonic(), self._loader.source.reading_s)
        return shares | {"time/reading_share": (self._read[1] - read) / max(self._read[0] - then, 1e-9)}

    def _processors(self) -> Metrics:
        """Processor-seconds of all ranks for an image, whatever they did since the last line, threads of DALI too."""
        (images, then), self._processor = self._processor, (self._images, time.process_time())
        spent = torch.tensor(self._processor[1] - then, dtype=torch.float64, device=self._world.device)
        return {"time/processor_s": self._world.sum(spent).item() / max(1, self._images - images)}

    def _machine(self) -> Metrics:
        """Memory of the main rank's process and GPU, and room on the run's disk."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        values = {
            "memory/process_gib": pages * 4096 / _GIBIBYTE,
            "disk/free_gib": shutil.disk_usage(self._folder).free / _GIBIBYTE,
            "disk/checkpoint_gib": self._checkpoint_gib,
        }
        if self._world.device.type == "cuda":
            values["memory/gpu_peak_gib"] = torch.cuda.max_memory_allocated() / _GIBIBYTE
            torch.cuda.reset_peak_memory_stats()
        return values

    def _arithmetic(self, images_per_s: float) -> Metrics:
        """FLOPs of an image, and how much of the peak of a rank's device they are at this speed."""
        per_image = self._flops.per_image
        if per_image == 0:
            return {}
        each = per_image * images_per_s / self._world.size
        values = {"compute/gflops_per_image": per_image / 1e9, "compute/tflops": each / 1e12}
        peak = self._config.peak_tflops * 1e12 or peak_flops(self._world.device, self._engine.dtype)
        if peak is not None:
            values |= {"compute/peak_tflops": peak / 1e12, "compute/utilisation": each / peak}
        return values


def _checkpoint_bytes(engine: Engine, average: MovingAverage) -> int:
    """About: of what trains the weights and Adam's two moments, and the averaged weights, in float32."""
    trained = [weight for player in engine.players.values() for weight in player.networks.parameters()]
    averaged = [weight for network in average.networks.values() for weight in network.parameters()]
    return 4 * (3 * sum(map(_size, trained)) + sum(map(_size, averaged)))


def _size(weight: torch.Tensor) -> int:
    """Numbers in it, also where ZeRO 3 has cut it."""
    return getattr(weight, "ds_numel", weight.numel())
