"""What `diptych evaluate` and `diptych translate` take and do. Imports torch only once a command runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sharding.console import PlainConsole, make_console, one_line
from trainer.config.errors import ConfigError
from trainer.inference.plan import plan_translation, result_view
from trainer.pictures.kinds import result_suffix
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

if TYPE_CHECKING:
    import torch

    from trainer.inference.translate import TranslationResult

Device = Literal["auto", "cpu", "cuda"]

_NUM_OTHERS_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Score a run on a split of its data set, beside the constant mean image and the identity."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    split: str = "test"
    """Split of the data set: train, val or test; train:held-out is what training left out to be watched."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""


@dataclass(frozen=True, kw_only=True)
class TranslateOptions:
    """Translate pictures of any size and file type with a trained run, to PNG files of the same names."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    source: Annotated[Path, tyro.conf.arg(name="in")]
    """Folder of pictures, with its sub-folders, or one picture; 0.4 GB of memory a megapixel at 64 filters."""
    destination: Annotated[Path, tyro.conf.arg(name="out")]
    """Folder to write to; made if it is not there."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    direction: Literal["a2b", "b2a"] = "a2b"
    """`b2a` turns view b into view a, with methods that learn both ways."""
    label: str | None = None
    """Show the pictures with this label instead of translating them, with methods that can: a face at another age."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""
    seed: int = 0
    """Of the method's noise: another seed gives another variation, where the method has any."""
    overwrite: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replace files that the output folder has already."""
    skip_bad: tyro.conf.FlagCreatePairsOff[bool] = False
    """End with success although some pictures could not be translated; they are listed all the same."""


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Draw new pictures with a trained run: from noise, of a label, or between two pictures."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME."""
    destination: Annotated[Path, tyro.conf.arg(name="out")]
    """Folder to write 0000.png ... and grid.png to; new or empty."""
    num: int = 64
    """Pictures to draw."""
    label: str | None = None
    """Name of the label that all show; all labels in turn if not given."""
    between: tuple[Path, Path] | None = None
    """Two pictures: go from the first to the second in equal steps of their codes."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""
    seed: int = 0
    """Another seed draws other pictures."""

    def __post_init__(self) -> None:
        if self.num < (1 if self.between is None else 2):
            raise ConfigError("num", self.num, "use 1 or more, and 2 or more with --between.")


def sample_command(options: SampleOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    opened = open_run(RunDir(options.run), needs_data=False)
    from trainer.inference.draw import draw_pictures

    console = make_console()
    try:
        files = draw_pictures(
            opened,
            destination=options.destination,
            num=options.num,
            label=options.label,
            between=options.between,
            seed=options.seed,
            device=choose_device(options.device),
            checkpoint=options.checkpoint,
        )
    except OSError as error:
        console.error(f"could not write to {options.destination}: {error.strerror or error}")
        return 1
    console.print(f"{len(files)} pictures and grid.png in {options.destination}")
    return 0


def evaluate_command(options: EvaluateOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    run = RunDir(options.run)
    opened = open_run(run)  # a wrong folder is answered before torch is loaded
    from trainer.evaluation.evaluate import evaluate_run
    from trainer.reports.page import check_report, write_report

    console = make_console()
    check_report(run)
    evaluate_run(
        opened,
        split=options.split,
        device=choose_device(options.device),
        checkpoint=options.checkpoint,
        console=console,
    )
    write_report(run)
    console.print(f"pictures: {run.evaluation_picture}\nreport:   {run.report_file}")
    return 0


def translate_command(options: TranslateOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    opened = open_run(RunDir(options.run), needs_data=False)
    view = result_view(opened.subject, direction=options.direction)
    plan_translation(options.source, options.destination, suffix=result_suffix(view), overwrite=options.overwrite)
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
            seed=options.seed,
            overwrite=options.overwrite,
            console=console,
        )
    except OSError as error:
        console.error(error.strerror or error)
        return 1
    _print_result(result, options=options, console=console)
    return 0 if options.skip_bad or not result.failed else 1


def choose_device(name: Device) -> "torch.device":
    """Raises ConfigError if a GPU is asked for and there is none."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device", name, "this machine shows no CUDA device; use auto or cpu.")
    return torch.device("cpu") if name == "cpu" or not torch.cuda.is_available() else torch.device("cuda", 0)


def _print_result(result: "TranslationResult", *, options: TranslateOptions, console: PlainConsole) -> None:
    console.print(
        f"{len(result.written)} pictures translated, after {result.position} images of training, to "
        f"{options.destination}"
    )
    _print_names("other files are no pictures by their names", result.others, console=console)
    _print_names("hidden files and folders are passed over", result.hidden, console=console)
    cut = [f"{path} ({share:.1%})" for path, share in result.cut.items()]
    _print_names("pictures hold values beyond the range of the run's view, which were cut", cut, console=console)
    for path, reason in result.failed.items():
        console.print(one_line(f"not translated: {path} {reason}"))


def _print_names(what: str, paths: Sequence[object], *, console: PlainConsole) -> None:
    if paths:
        names = ", ".join(one_line(path) for path in paths[:_NUM_OTHERS_SHOWN])
        more = ", …" if len(paths) > _NUM_OTHERS_SHOWN else ""
        console.print(f"{len(paths)} {what}: {names}{more}")
