"""metrics.jsonl: one JSON object per line, appended and flushed at once."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from sharding.storage.count import Count
from sharding.storage.files import open_to_append, write_atomically
from sharding.storage.records import MEBIBYTE, RecordError, checked, parse_json, read_record
from trainer.config.errors import ConfigError
from trainer.monitoring import Metrics
from trainer.monitoring.evaluated import Evaluated

LARGEST_METRICS = 256 * MEBIBYTE
"""Some hundred thousand lines."""


def read_metrics(path: Path) -> list[Metrics]:
    """All whole lines; a last line that a kill cut short is left out.

    Raises:
        ConfigError: the file or one of its lines is not what a run writes.
    """
    try:
        content = read_record(path, most=LARGEST_METRICS)
    except FileNotFoundError:
        return []
    except RecordError as error:
        raise ConfigError("metrics", str(path), f"{error}. Put the file itself there, or move it away.") from error
    return [_parse(line, path=path, number=number) for number, line in enumerate(content.split(b"\n")[:-1], start=1)]


def _parse(line: bytes, *, path: Path, number: int) -> Metrics:
    try:
        metrics = parse_json(line)
        checked(metrics, dict[str, int | float])
        if "position" not in metrics:
            raise RecordError("lacks position")
        checked({"position": metrics["position"]}, dict[str, Count])
    except RecordError as error:
        remedy = f"line {number} is damaged: it {error}. Nothing was changed: remove that line, or put a copy there."
        raise ConfigError("metrics", str(path), remedy) from error
    return metrics


class JsonlLogger:
    """Appends to `path`, after dropping lines beyond `position`: a resumed run writes them again.

    Raises:
        ConfigError: what is there is damaged; it is left as it is.
    """

    def __init__(self, path: Path, *, position: int) -> None:
        kept = [metrics for metrics in read_metrics(path) if metrics["position"] <= position]
        write_atomically(path, "".join(json.dumps(metrics) + "\n" for metrics in kept).encode())
        self._file = open_to_append(path)

    def log(self, metrics: Metrics) -> None:
        self._file.write(json.dumps(metrics) + "\n")

    def picture(self, path: Path, position: int) -> None:
        """Pictures lie in samples/; nothing to add."""

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        """Their means are among the metrics."""

    def evaluated(self, found: Evaluated) -> None:
        """It is in evaluation.json; nothing to add."""

    def note(self, text: str, position: int) -> None:
        """For people; nothing to add."""

    def alarm(self, key: str, text: str, position: int) -> None:
        self.log({"position": position, "kimg": position / 1000, key: 1.0})

    def close(self) -> None:
        self._file.close()
