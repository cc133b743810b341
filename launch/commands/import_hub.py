"""`diptych import-hub FOLDER`: make a run of a folder that `diptych export --format hub` wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from launch.extras import require_modules
from sharding.console import command_line, make_console
from trainer.exports.kinds import PACKAGES
from trainer.received.hub_record import CONFIG, read_hub_record
from trainer.runs.new_folder import check_place


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Make a run of an exported folder, for `diptych translate`, `diptych export` and `diptych train --from`."""

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")]
    """With config.json and model.safetensors, e.g. as fetched from the Hugging Face Hub."""
    out: Path
    """Folder of the run; made if it is not there, and empty if it is."""


def main(argv: list[str]) -> int:
    """Import. Returns the exit status. Raises ConfigError for a folder of another kind, or one that is not empty."""
    options = tyro.cli(ImportOptions, args=argv, prog="diptych import-hub")
    check_place(options.out)
    require_modules(*PACKAGES["hub"])
    read_hub_record(options.folder / CONFIG)  # before torch is loaded
    from trainer.received.hub import write_from_hub

    method = write_from_hub(options.folder, options.out)
    console = make_console()
    console.print(f"{options.out}: a run of {method}", soft_wrap=True)
    usage = command_line("diptych", "translate", options.out, "--in", "PICTURES", "--out", "RESULTS")
    console.print(f"use it: {usage}", soft_wrap=True)
    return 0
