"""Progress for people: a live bar on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sharding.console import PlainConsole, make_console, one_line
from trainer.monitoring import Metrics
from trainer.monitoring.evaluated import Evaluated

_PLAIN_PERIOD_S = 10.0
_SHORT_NAMES = {"generator": "G", "generators": "G", "discriminator": "D", "discriminators": "D"}
"""Of players, as papers write them."""


class ConsoleLogger:
    """Shows images seen, images/s, time left and losses.

    Args:
        total: images of the whole run.
        position: images seen so far.
    """

    def __init__(self, *, total: int, position: int, console: PlainConsole | None = None) -> None:
        self.console = console or make_console()
        self.total = total
        self._last_plain_s = 0.0
        self._progress = Progress(
            TextColumn("training", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("images", markup=False),
            TimeElapsedColumn(),
            TextColumn("left", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[news]}", markup=False),
            console=self.console,
            disable=not self.console.is_live,
        )
        self._task = self._progress.add_task("training", total=total, completed=position, news="")
        self._progress.start()

    def log(self, metrics: Metrics) -> None:
        if any(key.startswith("eval/") for key in metrics):
            self.console.print(f"{metrics['position']:>8} images  {_scores(metrics)}")
        news = _news(metrics)
        if not news:  # scores have a line of their own; the times of a save are nothing for people
            return
        self._progress.update(self._task, completed=metrics["position"], news=news)
        finished = metrics["position"] >= self.total
        if not self.console.is_live and (finished or time.monotonic() - self._last_plain_s > _PLAIN_PERIOD_S):
            self._last_plain_s = time.monotonic()
            self.console.print(f"{metrics['position']:>8}/{self.total} images  {_left(metrics, self.total)}  {news}")

    def picture(self, path: Path, position: int) -> None:
        if not self.console.is_live or position == 0:
            self.console.print(f"{position:>8} images  picture: {path}")

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        """Their means are among the metrics."""

    def evaluated(self, found: Evaluated) -> None:
        """Whoever ends the run says it."""

    def note(self, text: str, position: int) -> None:
        self.console.print(f"{position:>8} images  {text}")

    def alarm(self, key: str, text: str, position: int) -> None:
        self.note(text, position)

    def close(self) -> None:
        self._progress.stop()


def _news(metrics: Metrics) -> str:
    losses = [f"{_short(key)} {value:.3f}" for key, value in metrics.items() if key.startswith("loss/")]
    speed = metrics.get("throughput/images_per_s")
    return "  ".join(([f"{speed:.1f} images/s"] if speed else []) + losses)


def _short(key: str) -> str:
    """`loss/discriminators/real` -> `D real`."""
    player, slash, term = key.removeprefix("loss/").partition("/")
    return f"{_SHORT_NAMES[player]} {term}" if slash and player in _SHORT_NAMES else f"{player}{slash}{term}"


def _scores(metrics: Metrics) -> str:
    scores = {key.removeprefix("eval/"): value for key, value in metrics.items() if key.startswith("eval/")}
    return "  ".join(f"{one_line(name)} {value:.4g}" for name, value in scores.items())


def _left(metrics: Metrics, total: int) -> str:
    speed = metrics.get("throughput/images_per_s")
    if not speed:
        return ""
    minutes, seconds = divmod(int((total - metrics["position"]) / speed), 60)
    return f"{minutes}:{seconds:02d} left"
