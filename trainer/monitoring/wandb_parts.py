"""What a W&B run is given beside metrics: histograms, a table of the worst and best images, artifacts by content."""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, Literal

import wandb

from trainer.monitoring.evaluated import Evaluated, Lineage

X_AXIS = "kimg"


def define(run: Any, summaries: Mapping[str, Literal["max", "min"]]) -> None:
    """All curves are drawn over thousands of images, and the best value of a score stands for the run."""
    for axis in (X_AXIS, "position"):
        run.define_metric(axis)
    run.define_metric("*", step_metric=X_AXIS)
    for key, value in summaries.items():
        run.define_metric(key, step_metric=X_AXIS, summary=value)


def at(position: int) -> dict[str, float]:
    """Where in a run something happened."""
    return {"position": position, X_AXIS: position / 1000}


def histograms(values: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """By the same keys."""
    return {key: wandb.Histogram(list(numbers)) for key, numbers in values.items()}


def picture(path: Path) -> Any:
    """A picture of a file."""
    return wandb.Image(str(path))


def evaluation(found: Evaluated) -> dict[str, Any]:
    """What is logged of a split that was scored: `test/eval/psnr`, ...; `test/classes`; `test/cases`."""
    values: dict[str, Any] = {f"{found.split}/{key}": value for key, value in found.scores.items()}
    values |= {f"{found.split}/{title}": picture(path) for title, path in found.pictures.items()}
    return values | ({f"{found.split}/cases": _cases(found)} if found.cases else {})


def _cases(found: Evaluated) -> Any:
    """A row an image: which end of the split it is from, the score, its value, and how it looks."""
    columns = [*found.cases[0].images]
    table = wandb.Table(columns=["name", "end", "score", "value", *columns])
    for case in found.cases:
        table.add_data(
            case.key, case.end, found.chief, case.value, *(wandb.Image(case.images[name]) for name in columns)
        )
    return table


def save_text(run: Any, name: str, text: str) -> None:
    """A file of the run at W&B."""
    path = Path(run.dir) / name
    path.write_text(text)
    run.save(str(path), base_path=run.dir, policy="now")


def send(run: Any, lineage: Lineage, *, is_used: bool) -> None:
    """Let W&B know an artifact by its content: its files, too, if there is a folder of them, else their checksums.

    Its version follows from that alone, so one content is one version, whichever run names it. Nothing is waited for:
    `run.use_artifact` would wait for the server, and refuses offline runs, so it is done as that does it.
    """
    artifact = wandb.Artifact(lineage.name, type=lineage.kind, metadata=dict(lineage.metadata))
    with redirect_stderr(io.StringIO()):  # which says of each checksum that it cannot be checked
        for name, sha256 in lineage.files.items():
            if lineage.folder is None:
                artifact.add_reference(f"sha256:{sha256}", name=name, checksum=False)
            else:
                artifact.add_file(str(lineage.folder / name), name=name, skip_cache=True)
    run._log_artifact(artifact, use_after_commit=is_used)
