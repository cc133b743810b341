"""The run directory: where everything about one run lies.

runs/<name>/
    run.json        preset, resolved configuration, command, versions, data set: enough to repeat the run
    metrics.jsonl   one JSON object per line; `position` is in images
    samples/        00001000.png: the sample grid after 1000 images
    checkpoints/    00002000/: complete or absent
    evaluation.json scores of each evaluated split (`test`, as a rule), beside the baselines'
    evaluation.png  translations of a few of its images; -00001000: of an earlier checkpoint; -worst; -best; -classes
    early_stop.json where training ended and why, if that was before its last image
    report.html     all of it on one page
    wandb/          what W&B keeps locally
"""

import contextlib
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sharding.console import command_line
from sharding.format.manifest import FILE_NAME, Manifest
from sharding.format.manifest_file import manifest_bytes, parse_manifest
from sharding.storage.files import refuse_link
from sharding.storage.lock import LOCK_FILE, only_process
from sharding.storage.records import RecordError, read_record
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.runs import formats
from trainer.runs.config import RunConfig, config_from_dict
from trainer.runs.contents import LARGEST_EVALUATION, LARGEST_RECORD, parse_early_stop, parse_evaluations, parse_record
from trainer.runs.status import FILE_NAME as STATUS_FILE

ORIGIN_KEY = "from"
"""In run.json: the checkpoint of another run whose weights the run began with; see `trainer.runs.origin`."""


@dataclass(frozen=True)
class RunDir:
    """Paths of one run."""

    path: Path

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def evaluation_file(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def evaluation_picture(self) -> Path:
        return self.path / "evaluation.png"

    def evaluation_picture_of(self, position: int, *, is_newest: bool, variant: str = "") -> Path:
        """The picture beside scores: that of the run, or one of its own where others stand for the run."""
        return self.evaluation_picture if is_newest else self.path / f"evaluation-{position:08d}{variant}.png"

    @property
    def early_stop_file(self) -> Path:
        return self.path / "early_stop.json"

    @property
    def report_file(self) -> Path:
        return self.path / "report.html"

    def sample_file(self, position: int) -> Path:
        return self.samples / f"{position:08d}.png"

    def config(self) -> RunConfig:
        """The configuration that the run was started with.

        Raises:
            ConfigError: the folder is no run, or its run.json does not fit this version.
        """
        return config_from_dict(self.record()["config"])

    def held_out(self) -> dict[str, int]:
        """View -> training images that are not trained on, because they are watched. Raises as `config`."""
        return self.record()["held_out"]

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """What evaluation.json holds: position (images) and scores of each split that was scored; empty if none was.

        Raises:
            ConfigError: it is damaged, or a later version made it.
        """
        try:
            content = read_record(self.evaluation_file, most=LARGEST_EVALUATION)
            return parse_evaluations(content, path=self.evaluation_file)
        except FileNotFoundError:
            return {}
        except RecordError as error:
            remedy = f"{error}. Move it away, and score the run again with `diptych evaluate`."
            raise ConfigError("evaluation", str(self.evaluation_file), remedy) from error

    def early_stop(self) -> dict[str, Any] | None:
        """Where training ended before its last image (`position`), and why (`reason`); None if it did not.

        Raises:
            ConfigError: the file is damaged.
        """
        try:
            content = read_record(self.early_stop_file, most=LARGEST_RECORD)
            return parse_early_stop(content, path=self.early_stop_file)
        except FileNotFoundError:
            return None
        except RecordError as error:
            remedy = f"{error}. Move it away, and continue the run: it ends at once, and writes it again."
            raise ConfigError("early_stop", str(self.early_stop_file), remedy) from error

    def write_early_stop(self, *, position: int, reason: str) -> None:
        """Put on record that training is over, and the run scored."""
        formats.EARLY_STOP.write(self.early_stop_file, {"position": position, "reason": reason})

    def forget_early_stop(self) -> None:
        """Training goes on."""
        self.early_stop_file.unlink(missing_ok=True)

    def is_finished(self, split: str) -> bool:
        """Whether training has ended, at its last image or early, and `split` was scored then, and not on the way.

        Raises ConfigError as `config` does.
        """
        scored = self.evaluations().get(split)
        if scored is None:
            return False
        # What ended early was scored before that was put on record; its best checkpoint may have been scored since.
        return scored["position"] >= self.config().train.total_images or self.early_stop() is not None

    def record(self) -> dict[str, Any]:
        """All of run.json, in its present form.

        Raises:
            ConfigError: there is none, it is damaged, a later version made it, or a folder of the run is a link to
                elsewhere.
        """
        try:
            record = parse_record(read_record(self.run_file, most=LARGEST_RECORD), path=self.run_file)
        except (FileNotFoundError, NotADirectoryError):
            remedy = "holds no run.json; give the folder of a run, e.g. runs/NAME."
            raise ConfigError("run", str(self.path), remedy) from None
        except RecordError as error:
            remedy = f"{error}. Put a copy of it there, or start a new run."
            raise ConfigError("run", str(self.run_file), remedy) from error
        self.refuse_links()
        return record

    def only_process(self) -> AbstractContextManager[int]:
        """Train it in no other process meanwhile, save those that inherit the descriptor that this gives.

        Raises ConfigError, which names the process that does.
        """
        return only_process(self.path, refuse=partial(ConfigError, "run", str(self.path)))

    def refuse_links(self) -> None:
        """A run is written to, and its old checkpoints are removed: all of that must lie in its own folder.

        Raises:
            ConfigError: a folder of it is a link, or it brings settings of W&B, which name a server that would be
                given the user's key.
        """
        wandb = self.path / "wandb"
        for folder in (self.checkpoints, self.samples, wandb):
            refuse_link(folder, error=lambda message: ConfigError("run", str(self.path), message))
        for settings in (wandb / "settings", self.path / ".wandb"):
            if settings.exists() or settings.is_symlink():
                remedy = "would tell W&B where to send your key, and no run needs it. Remove it."
                raise ConfigError("run", str(settings), remedy)

    def create(
        self, config: RunConfig, *, preset: str, command: list[str], origin: dict[str, Any] | None = None
    ) -> Subject:
        """Make the directory with its run.json; what the run will learn from. `origin` is its entry, if it has one.

        Raises:
            ConfigError: it is there already.
            DatasetError: there is no data set.
        """
        if self.run_file.exists():
            resume = command_line("diptych", "train", "--resume", self.path)
            raise ConfigError("run", str(self.path), f"exists; choose another --name, or continue it with: {resume}")
        self.refuse_links()
        from trainer.runs.begun import begun_record  # with what tells versions

        content = manifest_bytes(config.data.path)
        manifest = parse_manifest(content, path=str(config.data.path / FILE_NAME))
        subject = Subject.begin(data=config.data, method=config.method, manifest=manifest)
        self.samples.mkdir(parents=True, exist_ok=True)
        self.checkpoints.mkdir(exist_ok=True)
        record = begun_record(
            config, preset=preset, command=command, manifest=manifest, content=content, held_out=subject.held_out
        )
        record["num_samples"] = count_samples(manifest)
        if origin is not None:
            record[ORIGIN_KEY] = origin
        formats.RUN.write(self.run_file, record)
        return subject

    def discard_unless_begun(self) -> None:
        """Remove what `create` made, if nothing came of it: a run that fails at once does not keep its name.

        Files of others in the folder stay, and with them the folder.
        """
        kept = (self.metrics_file, *self.samples.glob("*"), *self.checkpoints.glob("[!.]*"))
        if any(path.exists() and (path.is_dir() or path.stat().st_size) for path in kept):
            return
        self.refuse_links()
        for folder in (self.path / "wandb", self.checkpoints):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.run_file, self.metrics_file, self.path / STATUS_FILE, self.path / LOCK_FILE):
            file.unlink(missing_ok=True)
        for folder in (self.samples, self.path):
            with contextlib.suppress(OSError):  # it holds something, or is gone
                folder.rmdir()


def count_samples(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Split -> view -> samples."""
    return {split: {view: manifest.num_samples(split, view) for view in manifest.views} for split in manifest.splits}
