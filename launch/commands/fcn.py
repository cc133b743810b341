"""`diptych fcn COMMAND FILE`: train or show a segmentation network that judges generated photos by their labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.table import Table
from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, subcommand

from launch.machine.devices import Device, choose_device
from sharding.bars import progress_bars
from sharding.console import make_console
from sharding.storage.place import Place
from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan
from trainer.config.data import DataPlace, Size, height_and_width
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.loop.stop import stop_signals

if TYPE_CHECKING:
    from trainer.evaluation.judges.fcn_data import Scenes
    from trainer.evaluation.judges.fcn_file import FcnInfo
    from trainer.evaluation.judges.fcn_training import FcnTraining

_SMALL_BELOW = 256
_TITLES = {"pixel_accuracy": "pixel accuracy", "class_accuracy": "class accuracy", "miou": "class IoU"}


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train a network on the real photos and labels of a data set, for `diptych evaluate RUN --fcn FILE`.

    Stopped by Ctrl-C, it goes on with the same command.
    """

    data: Annotated[Positional[DataPlace], arg(metavar="DATA")]
    """Folder or address of a data set with a view of photos and one of classes."""
    out: Path
    """The file to be."""
    view_photo: str | None = None
    """The only view of photos, if not given."""
    view_labels: str | None = None
    """The only view that shows classes, as numbers or in flat colours, if not given."""
    size: Annotated[Size | None, AtLeast(32, "use at least 32 pixels.")] = None
    """Pixels: side of a square, or height and width; as the labels are stored, if not given."""
    network: Literal["auto", "small", "fcn_resnet50"] = "auto"
    """`small`: an FCN of four scales. `fcn_resnet50`: torchvision's. `auto`: small below 256 pixels."""
    weights: Path | None = None
    """Initial weights: a file of this command, or torchvision's of fcn_resnet50 or resnet50."""
    total_kimg: Annotated[float, MoreThan(0, "use more than 0.")] = 40.0
    """Thousands of images to learn from, each as often as it comes."""
    batch_size: AtLeastOne = 16
    """Images of a step."""
    lr: Annotated[float | None, MoreThan(0, "use more than 0.")] = None
    """Highest learning rate of AdamW; 2e-3 of small, 3e-4 of fcn_resnet50, if not given."""
    seed: Annotated[int, AtLeast(0, "use 0 or more.")] = 0
    """Decides initial weights and the order of images."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, kw_only=True)
class Show:
    """Say what a trained network knows, and how well it reads real photos."""

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """Of `diptych fcn train`."""


Command = Annotated[Train, subcommand("train")] | Annotated[Show, subcommand("show")]


def main(argv: list[str]) -> int:
    """Train or show. Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    command = tyro.cli(OmitSubcommandPrefixes[OmitArgPrefixes[Command]], args=argv, prog="diptych fcn")
    return _train(command) if isinstance(command, Train) else _show(command.file)


def _show(path: Path) -> int:
    from trainer.evaluation.judges.asked import require_readable

    require_readable(path)  # before torch is loaded
    from trainer.evaluation.judges.fcn_file import read_fcn

    make_console().print(_table(read_fcn(path).info, title=str(path)))
    return 0


def _train(command: Train) -> int:
    if not command.out.parent.is_dir():
        raise ConfigError("out", str(command.out), "lies in no folder that there is; make it first.")
    _require_data(command.data)
    from trainer.evaluation.judges.fcn_data import open_scenes
    from trainer.evaluation.judges.fcn_training import train_fcn
    from trainer.ranks.world import lone_world

    size = None if command.size is None else height_and_width(command.size)
    scenes = open_scenes(command.data, photo=command.view_photo, labels=command.view_labels, size=size)
    options, console = _options(command, scenes), make_console()
    if command.out.exists():
        raise ConfigError("out", str(command.out), "is there; give another name, or see `diptych fcn show`.")
    height, width = scenes.size
    steps = f"{options.num_steps} batches of {options.batch_size}"
    console.print(f"{options.network} on {height} x {width} pixels: {steps}")
    with stop_signals() as stop, progress_bars(console) as new_bar:
        info = train_fcn(
            scenes,
            options,
            out=command.out,
            world=lone_world(choose_device(command.device)),
            tell=new_bar("images"),
            is_stopped=lambda: stop.is_set,
        )
    if info is None:
        console.print(f"stopped; the same command goes on from {command.out}.part")
        return 1
    console.print(_table(info, title=str(command.out)))
    return 0


def _require_data(data: Place) -> None:
    """Raise DatasetError if there is no data set in a folder, before torch is loaded."""
    if isinstance(data, Path):
        from sharding.format.manifest_file import manifest_bytes

        manifest_bytes(data)


def _options(command: Train, scenes: "Scenes") -> "FcnTraining":
    from trainer.evaluation.judges.fcn_training import FcnTraining

    is_small = command.network == "small" or (command.network == "auto" and min(scenes.size) < _SMALL_BELOW)
    return FcnTraining(
        network="small" if is_small else "fcn_resnet50",
        total_kimg=command.total_kimg,
        batch_size=command.batch_size,
        lr=command.lr or (2e-3 if is_small else 3e-4),
        seed=command.seed,
        weights=None if command.weights is None else str(command.weights),
    )


def _table(info: "FcnInfo", *, title: str) -> Table:
    """What it can do on real photos: no generated ones are to be read better."""
    height, width = info.size
    trained = f"{info.network}, {height} x {width} pixels, {info.num_images} images of {info.dataset}"
    table = Table(title=f"{title}: {trained}; scores of real photos", title_justify="left")
    for name in ("split", *_TITLES.values(), f"{_TITLES['miou']}, absent = 0"):
        table.add_column(name, justify="left" if name == "split" else "right")
    for split, scores in info.scores.items():
        table.add_row(split, *(f"{scores[name]:.3f}" for name in (*_TITLES, "miou_absent_as_zero")))
    return table
