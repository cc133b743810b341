"""TensorBoard: event files with all that metrics.jsonl has, the sample grids and the configuration.

The only importer of tensorboardX, an extra, which writes them without TensorFlow.
"""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from time import time
from typing import Any

import numpy as np
from PIL import Image

from sharding.storage.files import refuse_link
from trainer.config.errors import ConfigError
from trainer.monitoring import Metrics
from trainer.monitoring.attempts import Attempts
from trainer.monitoring.evaluated import Evaluated

FOLDER = "tensorboard"
SAMPLES, CONFIG = "samples", "config"
_MOST_BINS = 64


def _proto(file: str, message: str) -> Any:
    """A message of TensorBoard's, whose types are made when the package is imported."""
    return getattr(import_module(f"tensorboardX.proto.{file}_pb2"), message)


class TensorboardLogger:
    """Writes one event file into `tensorboard/` of a run: scalars by the keys of metrics.jsonl, at steps of images.

    The file is a function of metrics.jsonl and samples/: each start of a run writes what these hold up to `position`
    anew, in place of the files of the starts before. So nothing stands there twice after a resume, and a run that
    begins to write late has all of it; but histograms, which nothing else keeps, are of this start alone.

    Args:
        folder: the run directory.
        position: images that the run has seen.
        values: the configuration, each field by its path, shown as a text.
        history: the lines of metrics.jsonl up to `position`.
        grids: position -> the sample grid that was drawn then; those after `position` are left out.
        began: when the run was started, in seconds since 1970, to which a former line's `time_s` is added.

    Raises:
        ConfigError: `tensorboard/` of the run, which may be a stranger's, is a link to elsewhere.
        ModuleNotFoundError: tensorboardX is missing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        position: int,
        values: Mapping[str, Any],
        history: Iterable[Metrics],
        grids: Mapping[int, Path],
        began: float,
    ) -> None:
        from tensorboardX.event_file_writer import EventsWriter  # not above: few runs want it, and it takes a second

        local = folder.absolute() / FOLDER
        refuse_link(local, error=partial(ConfigError, "run", str(folder)))
        self._writer: Any = None
        self._attempt = Attempts("TensorBoard")
        self._attempt(lambda: self._open(EventsWriter, local))
        self._attempt(lambda: self._repeat(values, history, grids, position=position, began=began))

    def _open(self, make: Any, local: Path) -> None:
        local.mkdir(exist_ok=True)
        for former in local.glob("events.out.tfevents.*"):
            former.unlink()
        self._writer = make(str(local / "events"))

    def _repeat(
        self,
        values: Mapping[str, Any],
        history: Iterable[Metrics],
        grids: Mapping[int, Path],
        *,
        position: int,
        began: float,
    ) -> None:
        """What was before; a TensorBoard that is open forgets what it read of it in former files."""
        from tensorboardX.summary import text

        log = _proto("event", "SessionLog")
        self._write(0, at=began, session_log=log(status=log.START))
        rows = [f"| `{path}` | `{json.dumps(value, default=str)}` |" for path, value in values.items()]
        self._write(0, at=began, summary=text(CONFIG, "\n".join(["| field | value |", "|---|---|", *rows])))
        at, times = began, {0: began}
        for metrics in history:
            at = max(at, began + float(metrics.get("time_s", 0.0)))
            times[metrics["position"]] = at
            self._write_scalars(metrics, at=at)
        for drawn, path in sorted(grids.items()):
            if drawn <= position:
                self._write_picture(path, drawn, at=times.get(drawn, at))
        self._writer.flush()

    def log(self, metrics: Metrics) -> None:
        self._attempt(lambda: self._write_line(metrics))

    def picture(self, path: Path, position: int) -> None:
        self._attempt(lambda: self._write_picture(path, position, at=time()))

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        self._attempt(lambda: self._write_histograms(values, position))

    def evaluated(self, found: Evaluated) -> None:
        """It is in evaluation.json and the report; nothing to add."""

    def note(self, text: str, position: int) -> None:
        """For people; nothing to add."""

    def alarm(self, key: str, text: str, position: int) -> None:
        self.log({"position": position, "kimg": position / 1000, key: 1.0})

    def close(self) -> None:
        self._attempt(self._close)

    def _close(self) -> None:
        self._writer.close()

    def _write_line(self, metrics: Metrics) -> None:
        self._write_scalars(metrics, at=time())
        self._writer.flush()  # at once: a killed run keeps its lines

    def _write_scalars(self, metrics: Metrics, *, at: float) -> None:
        summary = _proto("summary", "Summary")

        numbers = {key: float(value) for key, value in metrics.items() if key != "position"}
        found = [summary.Value(tag=key, simple_value=value) for key, value in numbers.items()]
        self._write(metrics["position"], at=at, summary=summary(value=found))

    def _write_picture(self, path: Path, position: int, *, at: float) -> None:
        summary = _proto("summary", "Summary")

        content = path.read_bytes()
        width, height = Image.open(io.BytesIO(content), formats=["PNG"]).size
        image = summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
        self._write(position, at=at, summary=summary(value=[summary.Value(tag=SAMPLES, image=image)]))

    def _write_histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        from tensorboardX.summary import make_histogram

        summary = _proto("summary", "Summary")
        for key, numbers in values.items():
            made = make_histogram(np.asarray(numbers), bins="auto", max_bins=_MOST_BINS)
            self._write(position, at=time(), summary=summary(value=[summary.Value(tag=key, histo=made)]))

    def _write(self, position: int, *, at: float, **content: Any) -> None:
        self._writer.write_event(_proto("event", "Event")(wall_time=at, step=position, **content))
