"""`diptych export RUN`: a run's translation for those who have no Diptych: ONNX, torch.export, a folder for the Hub."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.extras import require_modules
from sharding.console import make_console, one_line
from trainer.checkpoints.given import require_given
from trainer.config.data import DataPlace
from trainer.config.errors import ConfigError
from trainer.exports.kinds import PACKAGES, Kind
from trainer.runs.new_folder import check_place
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

TOKEN = "HF_TOKEN"
ENDPOINT = "HF_ENDPOINT"


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Write a run's translation to a new folder, with a model card, after it was compared with the trained networks."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    format: Kind
    """`onnx`: a graph for onnxruntime and others; `torch`: one for torch.export; `hub`: weights as safetensors, and
    what they are, as the Hugging Face Hub keeps models."""
    out: Path
    """Folder to write to; made if it is not there, and empty if it is."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    direction: Literal["a2b", "b2a"] = "a2b"
    """`b2a` turns view b into view a, with methods that learn both ways."""
    license: str = "unknown"
    """Of the weights, as the Hub names licences, e.g. cc-by-4.0; it stands in the model card."""
    push: str | None = None
    """OWNER/NAME of a repository on the Hub to send the folder to, with `--format hub`; the variable HF_TOKEN holds the
    token, HF_ENDPOINT another server's address."""
    private: tyro.conf.FlagCreatePairsOff[bool] = False
    """Make the repository a private one, if it is made."""
    data_path: Annotated[DataPlace | None, tyro.conf.arg(name="data.path")] = None
    """Where the run's data set lies now, if it was moved: its pictures are what the file is tried on."""


def main(argv: list[str]) -> int:
    """Export. Returns the exit status.

    Raises:
        ConfigError: see `trainer.exports.publish.export_run`; or an option contradicts another.
    """
    options = tyro.cli(ExportOptions, args=argv, prog="diptych export")
    _check_push(options)
    require_modules(*PACKAGES[options.format], *(("huggingface_hub",) if options.push else ()))
    opened = open_run(RunDir(options.run), data_path=options.data_path, needs_data=False)
    require_given(options.checkpoint, checkpoints=opened.run.checkpoints)
    check_place(options.out)
    from trainer.exports.publish import export_run

    result = export_run(
        opened,
        out=options.out,
        kind=options.format,
        checkpoint=options.checkpoint,
        direction=options.direction,
        licence=options.license,
    )
    console = make_console()
    for file in result.files:
        console.print(f"{file}: {file.stat().st_size / 1e6:.1f} MB", soft_wrap=True)
    if result.agreement is not None:
        found = result.agreement
        console.print(f"differs by {found.most:.1e} of the range of values at most: {found.told}", soft_wrap=True)
    return 0 if options.push is None else _push(options, repository=options.push)


def _check_push(options: ExportOptions) -> None:
    if options.push is None:
        return
    if options.format != "hub":
        raise ConfigError("push", options.push, f"format = {options.format!r} stays here; use --format hub.")
    if not os.environ.get(TOKEN):
        raise ConfigError("push", options.push, f"needs a token with the right to write: set the variable {TOKEN}.")


def _push(options: ExportOptions, *, repository: str) -> int:
    from trainer.exports.hub import push

    console = make_console()
    token, endpoint = os.environ[TOKEN], os.environ.get(ENDPOINT)
    try:
        address = push(options.out, repository=repository, token=token, endpoint=endpoint, is_private=options.private)
    except (OSError, ValueError) as error:
        reason = one_line(error).replace(token, "***")
        make_console(stderr=True).error(f"the folder {options.out} is whole, but was not sent: {reason}")
        return 1
    console.print(f"sent to {address}")
    return 0
