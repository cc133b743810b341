"""`diptych translate RUN`: translate a folder of images of any size, or change their label."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.extras import require_modules
from launch.machine.devices import Device, choose_device
from launch.own_labels import read_own_labels
from launch.packing import Packing, packing_of
from launch.translation_shown import print_result
from sharding.console import make_console
from sharding.storage.place import Place, place_problem
from sharding.writing.options import WriteOptions
from trainer.checkpoints.given import require_given
from trainer.config.data import DataPlace
from trainer.config.errors import ConfigError
from trainer.inference.journal import Journal
from trainer.inference.manner import Manner, Uncertainty, parse_manner
from trainer.inference.media.kinds import MODULES, medium_of
from trainer.inference.own_labels import OwnLabels, check_own_labels, labels_of_samples
from trainer.inference.plan import plan_translation, result_view, view_names
from trainer.inference.shards.listing import Listing, Split, is_shards, list_shards
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.pictures.kinds import result_suffix
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.rundir import RunDir


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
        journal = Journal(self.folder, self.settings | {"run": _absolute(self.run), "in": _absolute(self.source)})
        if self.overwrite:
            journal.forget()
        return journal

    @property
    def used(self) -> Usage:
        """`usage`, with dropout on where uncertainty is drawn by it."""
        return replace(self.usage, dropout="on") if self.uncertainty == "dropout" else self.usage


def _absolute(place: Place) -> str:
    return str(place.resolve() if isinstance(place, Path) else place)


def main(argv: list[str]) -> int:
    """Translate pictures. Returns the exit status. Raises as `translate`."""
    return translate(tyro.cli(TranslateOptions, args=argv, prog="diptych translate"))


def translate(options: TranslateOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    opened, listing, own_labels = _checked(options)
    packing = None if listing is None or options.out_format == "files" else _packing(options, opened, listing)
    from trainer.inference.processes import ProcessError
    from trainer.inference.translate import translate_folder

    console = make_console()
    if packing is not None and packing.is_done():
        console.print(f"{options.destination} is there already, made by the same run of the same samples")
        return 0
    try:
        result = translate_folder(
            opened,
            source=options.source,
            destination=options.folder,
            device=choose_device(options.device),
            checkpoint=options.checkpoint,
            direction=options.direction,
            label=options.label,
            own_labels=own_labels,
            num=options.num,
            style=options.style,
            seed=options.seed,
            usage=options.used,
            manner=options.manner,
            overwrite=options.overwrite,
            journal=options.journal,
            num_procs=options.num_procs,
            listing=listing,
            console=console,
        )
    except (OSError, ProcessError) as error:
        console.error(getattr(error, "strerror", None) or error)
        return 1
    is_varied = options.num > 1 and options.uncertainty == "none"
    print_result(result, is_varied=is_varied, folder=options.folder, console=console)
    if result.failed and not options.skip_bad:
        return 1
    if packing is not None:
        packing.pack(console)
    return 0


def _packing(options: TranslateOptions, opened: OpenRun, listing: Listing) -> Packing:
    """How translations become a data set. Raises ConfigError, OptionError or DatasetError if they cannot."""
    settings = options.settings | {"run": _absolute(options.run)}
    return packing_of(
        listing,
        opened,
        waiting=options.folder,
        direction=options.direction,
        label=options.label,
        out_view=options.out_view,
        checkpoint=options.checkpoint,
        settings=settings,
        options=WriteOptions(out=options.destination, overwrite=options.overwrite, skip_bad=options.skip_bad),
    )


def _checked(options: TranslateOptions) -> tuple[OpenRun, Listing | None, OwnLabels | None]:
    """The run, the samples of shards, and what tells the pictures' own labels.

    All that can be known before torch is loaded is in order.
    """
    opened = open_run(RunDir(options.run), data_path=options.data_path, needs_data=False)
    require_given(options.checkpoint, checkpoints=opened.run.checkpoints)
    listing = _listed(options, opened)
    own_labels = None if options.own_labels is None else read_own_labels(options.own_labels)
    if own_labels is None and listing is not None and options.label is not None:
        own_labels = labels_of_samples(listing.manifest, opened.subject)
    if own_labels is None or options.own_labels is not None:
        check_own_labels(opened.subject, label=options.label, own=options.own_labels)
    view = result_view(opened.subject, direction=options.direction)
    plan = plan_translation(
        options.source,
        options.folder,
        suffix=result_suffix(view),
        overwrite=options.overwrite,
        num=options.num,
        manner=options.manner,
        journal=options.journal,
        listing=listing,
    )
    require_modules(*{MODULES[medium] for medium in map(medium_of, plan.targets) if medium in MODULES})
    return opened, listing, own_labels


def _listed(options: TranslateOptions, opened: OpenRun) -> Listing | None:
    """The samples of shards; None of files. Raises ConfigError for what belongs to shards alone, and DatasetError."""
    if is_shards(options.source):
        wanted, _ = view_names(opened.subject, direction=options.direction, label=options.label)
        data = opened.config.data
        return list_shards(options.source, split=options.split, view=options.view, wanted=wanted, data=data)
    for name, value in (("split", options.split), ("view", options.view)):
        if value is not None:
            raise ConfigError(name, value, f"{options.source} is no data set and no tar; leave it out.")
    if options.out_format == "shards":
        remedy = "takes a data set or tars as --in: translate to files, then use `diptych shard pairs`."
        raise ConfigError("out_format", "shards", remedy)
    return None
