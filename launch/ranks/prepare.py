"""What must be on a host before ranks of a run start there: file systems need not be shared."""

import json

from launch.embedded import ensure_dataset
from launch.ranks.messages import Prepare
from sharding.storage.files import write_atomically
from trainer.config.errors import ConfigError
from trainer.runs.rundir import RunDir


def prepare_run(run: RunDir, prepare: Prepare) -> bool:
    """Make the run's folder and its data set if they are missing here.

    Returns:
        Whether this host shares the folder with the launcher.

    Raises:
        ConfigError: another run has this folder here, or there is no data set and it is none that can be made.
        DatasetError: making the data set failed.
        OSError: the folder cannot be written to.
    """
    shared = (run.path / "logs" / prepare.logs).is_dir()
    if not shared and prepare.run_json:
        _write_run(run, prepare.run_json)
    if run.run_file.is_file():
        ensure_dataset(run.config().data.path)
    return shared


def _write_run(run: RunDir, content: str) -> None:
    if run.run_file.is_file() and run.record()["wandb_id"] != json.loads(content)["wandb_id"]:
        raise ConfigError("run", str(run.path.absolute()), "is another run on this host; move it away.")
    for folder in (run.samples, run.checkpoints):
        folder.mkdir(parents=True, exist_ok=True)
    write_atomically(run.run_file, content.encode())
