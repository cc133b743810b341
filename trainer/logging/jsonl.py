"""metrics.jsonl: one JSON object per line, appended and flushed at once."""

import json
from pathlib import Path

from sharding.storage.files import open_to_append, write_atomically
from trainer.logging import Metrics


def read_metrics(path: Path) -> list[Metrics]:
    """All whole lines; a last line that a kill cut short is left out."""
    if not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


class JsonlLogger:
    """Appends to `path`, after dropping lines beyond `position`: a resumed run writes them again."""

    def __init__(self, path: Path, *, position: int) -> None:
        kept = [metrics for metrics in read_metrics(path) if metrics["position"] <= position]
        write_atomically(path, "".join(json.dumps(metrics) + "\n" for metrics in kept).encode())
        self._file = open_to_append(path)

    def log(self, metrics: Metrics) -> None:
        self._file.write(json.dumps(metrics) + "\n")

    def picture(self, path: Path, position: int) -> None:
        """Pictures lie in samples/; nothing to add."""

    def close(self) -> None:
        self._file.close()
