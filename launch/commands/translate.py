"""`diptych translate RUN`: translate a folder of images of any size, or change their label."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from launch.extras import require_modules
from launch.machine.devices import Device, choose_device
from launch.own_labels import read_own_labels
from sharding.console import PlainConsole, counted, make_console, one_line
from trainer.checkpoints.given import require_given
from trainer.config.data import DataPlace
from trainer.config.errors import ConfigError
from trainer.inference.journal import Journal
from trainer.inference.manner import Manner, Uncertainty, parse_manner
from trainer.inference.media.kinds import MODULES, medium_of
from trainer.inference.own_labels import OwnLabels, check_own_labels
from trainer.inference.plan import plan_translation, result_view
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.pictures.kinds import result_suffix
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.rundir import RunDir

if TYPE_CHECKING:
    from trainer.inference.result import TranslationResult

_NUM_OTHERS_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class TranslateOptions:
    """Translate pictures of any size and file type with a trained run, to PNG files of the same names."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    source: Annotated[Path, tyro.conf.arg(name="in")]
    """Folder of pictures, with its sub-folders, one picture, or a pattern in quotes: 'photos/**/*_day.jpg'. 0.4 GB of
    memory a megapixel at 64 filters, if not by --tile."""
    destination: Annotated[Path, tyro.conf.arg(name="out")]
    """Folder to write to; made if it is not there. The same command goes on where it was stopped: what was made of an
    unchanged picture by the same checkpoint is left as it is."""
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
        if self.num_procs is not None and self.num_procs < 1:
            raise ConfigError("num_procs", self.num_procs, "use 1 or more.")
        if self.uncertainty == "dropout" and self.usage.dropout == "off":
            raise ConfigError("dropout", "off", "is what uncertainty = 'dropout' draws by; use on or auto.")

    @property
    def manner(self) -> Manner:
        """Raises ConfigError for what does not fit together."""
        return parse_manner(tile=self.tile, overlap=self.overlap, uncertainty=self.uncertainty, num=self.num)

    @property
    def journal(self) -> Journal:
        """That of the folder to write to. Raises ConfigError if it cannot be read."""
        apart = {"source", "destination", "data_path", "device", "overwrite", "skip_bad", "run", "num_procs"}
        settings = {each.name: str(getattr(self, each.name)) for each in fields(self) if each.name not in apart}
        journal = Journal(
            self.destination, settings | {"run": str(self.run.resolve()), "in": str(self.source.resolve())}
        )
        if self.overwrite:
            journal.forget()
        return journal

    @property
    def used(self) -> Usage:
        """`usage`, with dropout on where uncertainty is drawn by it."""
        return replace(self.usage, dropout="on") if self.uncertainty == "dropout" else self.usage


def main(argv: list[str]) -> int:
    """Translate pictures. Returns the exit status. Raises as `translate`."""
    return translate(tyro.cli(TranslateOptions, args=argv, prog="diptych translate"))


def translate(options: TranslateOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    opened, own_labels = _checked(options)
    from trainer.inference.processes import ProcessError
    from trainer.inference.translate import translate_folder

    console = make_console()
    try:
        result = translate_folder(
            opened,
            source=options.source,
            destination=options.destination,
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
            console=console,
        )
    except (OSError, ProcessError) as error:
        console.error(getattr(error, "strerror", None) or error)
        return 1
    _print_result(result, options=options, console=console)
    return 0 if options.skip_bad or not result.failed else 1


def _checked(options: TranslateOptions) -> tuple[OpenRun, OwnLabels | None]:
    """The run, and what tells the pictures' own labels: all that can be known before torch is loaded is in order."""
    opened = open_run(RunDir(options.run), data_path=options.data_path, needs_data=False)
    require_given(options.checkpoint, checkpoints=opened.run.checkpoints)
    check_own_labels(opened.subject, label=options.label, own=options.own_labels)
    own_labels = None if options.own_labels is None else read_own_labels(options.own_labels)
    view = result_view(opened.subject, direction=options.direction)
    plan = plan_translation(
        options.source,
        options.destination,
        suffix=result_suffix(view),
        overwrite=options.overwrite,
        num=options.num,
        manner=options.manner,
        journal=options.journal,
    )
    require_modules(*{MODULES[medium] for medium in map(medium_of, plan.targets) if medium in MODULES})
    return opened, own_labels


def _print_result(result: "TranslationResult", *, options: TranslateOptions, console: PlainConsole) -> None:
    is_varied = options.num > 1 and options.uncertainty == "none"
    kind = "variation" if is_varied else "picture"
    written, seen = counted(len(result.written), kind), counted(result.position, "image")
    made = "made" if is_varied else "translated"
    console.print(f"{written} {made}{_speed(result)}, after {seen} of training, to {options.destination}")
    if result.kept:
        console.print(f"{counted(len(result.kept), 'picture was', 'pictures were')} translated before, and not again")
    _print_names(
        "other file is no picture by its name",
        "other files are no pictures by their names",
        result.others,
        console=console,
    )
    _print_names(
        "hidden file or folder is passed over",
        "hidden files and folders are passed over",
        result.hidden,
        console=console,
    )
    cut = [f"{path} ({share:.1%})" for path, share in result.cut.items()]
    beyond = "values beyond the range of the run's view, which were cut"
    _print_names(f"picture holds {beyond}", f"pictures hold {beyond}", cut, console=console)
    for path, note in result.notes.items():
        console.print(one_line(f"{path} {note}"))
    for path, reason in result.failed.items():
        console.print(one_line(f"not translated: {path} {reason}"))


def _speed(result: "TranslationResult") -> str:
    """Of the translating, without the start."""
    if len(result.written) < 2 or not result.seconds:
        return ""
    megapixels = result.pixels / 1e6 / result.seconds
    return f" at {len(result.written) / result.seconds:.1f} a second ({megapixels:.3g} megapixel/s)"


def _print_names(one: str, many: str, paths: Sequence[object], *, console: PlainConsole) -> None:
    if paths:
        names = ", ".join(one_line(path) for path in paths[:_NUM_OTHERS_SHOWN])
        more = ", …" if len(paths) > _NUM_OTHERS_SHOWN else ""
        console.print(f"{counted(len(paths), one, many)}: {names}{more}")
