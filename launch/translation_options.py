"""What `diptych translate` is told on the command line."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.machine.devices import Device
from sharding.storage.place import Place, place_problem
from trainer.config.data import DataPlace
from trainer.config.errors import ConfigError
from trainer.inference.journal import Journal
from trainer.inference.manner import Manner, Uncertainty, parse_manner
from trainer.inference.shards.asked import Split
from trainer.inference.usage import AS_THE_METHOD, Usage


def absolute(place: Place) -> str:
    """A place as it is called from anywhere."""
    return str(place.resolve() if isinstance(place, Path) else place)


@dataclass(frozen=True, kw_only=True)
class TranslateOptions:
    """Translate pictures of any size and file type with a trained run, to PNG files of the same names."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    source: Annotated[DataPlace, tyro.conf.arg(name="in")]
    """Folder of pictures, with its sub-folders, one picture, or a pattern in quotes: 'photos/**/*_day.jpg'; or a data
    set, in a folder or at an address, or WebDataset tars: 'shards-{000..009}.tar'. 0.4 GB of memory a megapixel at 64
    filters, if not by --tile."""
    destination: Annotated[Path, tyro.conf.arg(name="out")]
    """Folder to write to; made if it is not there. The same command goes on where it was stopped: what was made of an
    unchanged picture by the same checkpoint is left as it is."""
    split: Split | None = None
    """Of a data set: which of its samples; `test`, if not given."""
    view: str | None = None
    """Of a data set: which view of its samples, if not the one that the run translates. Of tars: which files, e.g.
    input.jpg."""
    out_format: Literal["files", "shards"] = "files"
    """`shards`: a data set, whose samples are those of --in with the translation as one more view."""
    out_view: str | None = None
    """Name of that view; `translated_` before that of the run's, if not given."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    direction: Literal["a2b", "b2a"] = "a2b"
    """`b2a` turns view b into view a, with methods that learn both ways."""
    label: str | None = None
    """Show the pictures with this label instead of translating them, with methods that can: a face at another age."""
    own_labels: str | None = None
    """What the pictures show of a label that the method keeps while it shows another: NAME=VALUE for all of them, e.g.
    gender=female; or as `diptych shard images --labels` has it, e.g. utkface."""
    num: int = 1
    """Variations of each picture, NAME-1.png and so on, with methods that have any: by dropout (pix2pix, DualGAN), by
    codes drawn for the picture (VAE, VAE/GAN, ALI), by other searches (CoGAN)."""
    tile: int | None = None
    """Translate pictures that are larger than memory: in squares of so many pixels, e.g. 512, that overlap. Norms take
    their statistics of the whole picture, so no seams are seen. TIFF is read and written by rows."""
    overlap: int = 64
    """Pixels that neighbouring tiles share; rounded up so that tiles begin at multiples of the networks' stride."""
    uncertainty: Uncertainty = "none"
    """Write NAME-uncertainty.tif beside the mean of --num passes: their standard deviation, in the values of the view.
    `flips`: of mirrored pictures, 2 or 4. `dropout`: switches it on. `seeds`: by whatever chance the method has."""
    style: Path | None = None
    """A picture of view b whose style the translations take, with methods that have a code of it."""
    data_path: Annotated[DataPlace | None, tyro.conf.arg(name="data.path")] = None
    """Where the run's data set lies now, if it was moved."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""
    num_procs: int | None = None
    """Processes that share the pictures, each with its own networks and part of the cores; the files are the same with
    any number. None: one, or where there are GPUs one on each, which has not been tried yet."""
    seed: int = 0
    """Of the method's noise: another seed gives another variation, where the method has any."""
    usage: Annotated[Usage, tyro.conf.arg(name="")] = AS_THE_METHOD
    overwrite: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replace files that the output folder has already."""
    skip_bad: tyro.conf.FlagCreatePairsOff[bool] = False
    """End with success although some pictures could not be translated; they are listed all the same."""

    def __post_init__(self) -> None:
        if self.num < 1:
            raise ConfigError("num", self.num, "use 1 or more.")
        if (problem := place_problem(self.source)) is not None:
            raise ConfigError("in", str(self.source), problem)
        if self.out_format == "shards" and (self.num > 1 or self.uncertainty != "none"):
            raise ConfigError(
                "out_format", "shards", "takes one translation of each sample: leave num and uncertainty out."
            )
        if self.out_format == "files" and self.out_view is not None:
            raise ConfigError("out_view", self.out_view, "is of out_format = 'shards'; leave it out.")
        if self.num_procs is not None and self.num_procs < 1:
            raise ConfigError("num_procs", self.num_procs, "use 1 or more.")
        if self.uncertainty == "dropout" and self.usage.dropout == "off":
            raise ConfigError("dropout", "off", "is what uncertainty = 'dropout' draws by; use on or auto.")

    def refuse_shards(self) -> None:
        """Raises ConfigError for what belongs to samples of shards alone."""
        for name, value in (("split", self.split), ("view", self.view)):
            if value is not None:
                raise ConfigError(name, value, f"{self.source} is no data set and no tar; leave it out.")
        if self.out_format == "shards":
            remedy = "takes a data set or tars as --in: translate to files, then use `diptych shard pairs`."
            raise ConfigError("out_format", "shards", remedy)

    @property
    def folder(self) -> Path:
        """Where translations are written; those of shards wait beside it until they are packed."""
        out = self.destination
        return out if self.out_format == "files" else out.with_name(f"{out.name}.translated")

    @property
    def manner(self) -> Manner:
        """Raises ConfigError for what does not fit together."""
        return parse_manner(tile=self.tile, overlap=self.overlap, uncertainty=self.uncertainty, num=self.num)

    @property
    def settings(self) -> dict[str, str]:
        """All that decides what a picture becomes, beside the run and its checkpoint."""
        apart = {"source", "destination", "data_path", "device", "overwrite", "skip_bad", "run", "num_procs"}
        names = {each.name for each in fields(self)} - apart - {"out_format", "out_view"}
        return {name: str(getattr(self, name)) for name in sorted(names)}

    @property
    def journal(self) -> Journal:
        """That of the folder to write to. Raises ConfigError if it cannot be read."""
        journal = Journal(self.folder, self.settings | {"run": absolute(self.run), "in": absolute(self.source)})
        if self.overwrite:
            journal.forget()
        return journal

    @property
    def used(self) -> Usage:
        """`usage`, with dropout on where uncertainty is drawn by it."""
        return replace(self.usage, dropout="on") if self.uncertainty == "dropout" else self.usage
