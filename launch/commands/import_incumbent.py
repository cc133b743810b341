"""`diptych import-incumbent FILE.pth`: make a run of a generator of pytorch-CycleGAN-and-pix2pix."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sharding.console import command_line, make_console
from trainer.config.errors import require
from trainer.config.torch_file import can_be_of_torch
from trainer.runs.new_folder import check_place

if TYPE_CHECKING:
    from trainer.received.incumbent import Generator


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Make a run of a file *_net_G.pth, for `diptych translate`, `diptych export` and `diptych train --from`."""

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """Of a generator: unet_128, unet_256, resnet_6blocks or resnet_9blocks, with any norm, width and number of
    channels."""
    out: Path
    """Folder of the run, e.g. runs/horse2zebra; made if it is not there, and empty if it is."""
    back: Path | None = None
    """The generator of the other way: then FILE is *_net_G_A.pth and this is *_net_G_B.pth, and the run is one of
    CycleGAN. Of one generator it is one of pix2pix."""
    dropout: Literal["on", "off"] = "on"
    """Whether a U-Net has dropout, which its file does not tell: pix2pix has, unless it was trained with --no_dropout.
    A ResNet's file tells."""
    size: int = 256
    """Pixels of a side that it was trained on."""


def main(argv: list[str]) -> int:
    """Import. Returns the exit status.

    Raises:
        ConfigError: the file holds no generator that is known, or the folder is not empty.
    """
    options = tyro.cli(ImportOptions, args=argv, prog="diptych import-incumbent")
    check_place(options.out)
    for path in filter(None, (options.file, options.back)):
        # Before torch is loaded; what is a link, a folder or a pipe is told by who reads.
        require(os.path.lexists(path), "file", str(path), f"{path} is missing.")
        is_read = stat.S_ISREG(path.lstat().st_mode) and os.access(path, os.R_OK)
        require(not is_read or can_be_of_torch(path), "file", str(path), "is no file of torch; give a *_net_G.pth.")
    from trainer.received.imported import write_imported
    from trainer.received.incumbent import read_generator

    forth = read_generator(options.file, dropout=options.dropout == "on")
    back = None if options.back is None else read_generator(options.back, dropout=options.dropout == "on")
    names = [path.name for path in (options.file, options.back) if path is not None]
    method = write_imported(options.out, forth=forth, back=back, size=options.size, names=names)
    console = make_console()
    console.print(f"{options.out}: a run of {method}, {_describe(forth)}", soft_wrap=True)
    usage = command_line("diptych", "translate", options.out, "--in", "PICTURES", "--out", "RESULTS")
    console.print(f"use it: {usage}", soft_wrap=True)
    return 0


def _describe(generator: "Generator") -> str:
    config = generator.config
    kind = f"{config.num_downs} levels" if config.architecture == "unet" else f"{config.num_blocks} blocks"
    channels = f"{generator.in_channels} to {generator.out_channels} channels"
    return f"{config.architecture} of {kind}, {config.num_filters} filters, norm {config.norm}, {channels}"
