"""`diptych study create`: make a study of runs, or of folders of pictures."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from launch.machine.devices import Device, choose_device
from sharding.bars import progress_bars
from sharding.console import counted, make_console
from trainer.config.errors import ConfigError
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir
from trainer.study.answers import TRUTH, Protocol
from trainer.study.create import create_study, needs_truth, require_new
from trainer.study.design import INPUT, Design, Rules
from trainer.study.sources import REAL, Folder, Source, find_folder

if TYPE_CHECKING:
    from trainer.runs.opened import OpenRun
    from trainer.study.translated import Translated

CONSENT = (
    "You will see pictures and say what you think of them. It takes a few minutes, and you can stop at any time. Your "
    "answers are stored without your name or address, and used for research."
)
TITLES: dict[Protocol, str] = {
    "real-or-fake": "Which picture is the fake?",
    "realness": "How real does it look?",
    "preference": "Which picture is better?",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Make a study: people tell real images from generated ones, grade how real they look, or compare methods."""

    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    """Folder of the study; new or empty."""
    method: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=DIR|RUN")] = ()
    """A method to be judged: a name, and a folder of its images, or a run, whose test images are translated. Once for
    each."""
    real: Path | None = None
    """Folder of real images, of the same names as those of the methods; of runs the data set's are taken if not
    given."""
    input: Path | None = None
    """Folder of what was translated, of the same names: shown with --protocol preference."""
    protocol: Protocol = "real-or-fake"
    """`real-or-fake`: a real image and a generated one, each for a second. `realness`: one image, from 0 to 4.
    `preference`: which of two methods' images of an input is better."""
    title: str | None = None
    """Heads the page; the protocol's question if not given."""
    num_practice: int | None = None
    """Trials with feedback before the others, as the papers have them; 10 for real-or-fake, which alone has any."""
    num_counted: int = 40
    """Trials that count, of each participant."""
    num_checks: int = 4
    """Attention checks among these: an image in pieces, which everybody tells from a real one."""
    exposure_ms: int | None = None
    """For how long each image is shown; 1000 for real-or-fake, for the others until it is answered."""
    size: int = 256
    """Pixels of the longer side of all images, which are resized to it alike."""
    num_images: int | None = None
    """Inputs to take from folders or runs; all if not given."""
    unpaired: tyro.conf.FlagCreatePairsOff[bool] = False
    """Real images belong to no input: show each generated one beside any of them. So it is with runs of unpaired
    images."""
    against_truth: tyro.conf.FlagCreatePairsOff[bool] = False
    """With --protocol preference: real images are compared, too."""
    seed: int = 0
    """Of who sees which images in which order."""
    most_participants: int | None = None
    """Close the study when so many have finished."""
    consent: Path | None = None
    """A text file that participants agree to before they begin, in place of three plain sentences."""
    completion_code: str | None = None
    """Shown at the end, for a crowd platform such as Prolific."""
    completion_url: str | None = None
    """Where the end leads, e.g. https://app.prolific.com/submissions/complete?cc=CODE."""
    keep_ids: tyro.conf.FlagCreatePairsOff[bool] = False
    """Store identifiers of a crowd platform as they are, not as salted hashes."""
    rules: Rules = field(default_factory=Rules)
    device: Device = "auto"
    """Of runs: `auto` is a GPU if there is one."""


def main(options: Options) -> int:
    """Write the study. Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    _check(options)
    require_new(options.out)
    places = _places(options)
    sources, is_paired = _sources(options, places)
    draft = _draft(options, tuple(places), is_paired=is_paired)
    console = make_console()
    try:
        with progress_bars(console) as new_bar:
            tell = new_bar("images")
            design = create_study(options.out, draft, sources, size=options.size, most=options.num_images, tell=tell)
    except OSError as error:
        console.error(f"could not write to {options.out}: {error.strerror or error}")
        return 1
    for source in sources:
        if isinstance(source, Folder) and source.is_lossy:
            console.print(f"note: {source.who} has JPEG files, by whose traces it may be told from the others.")
    told = counted(len(design.images), "input")
    console.print(f"{options.out}: {told}, {counted(design.num_trials, 'trial')} a participant. Serve it with:")
    console.print(f"diptych study serve {options.out}")
    return 0


def _check(options: Options) -> None:
    """Not as the dataclass is made, where tyro would tell the error in words of its own."""
    for name, least in (("num_counted", 1), ("num_checks", 0), ("size", 16), ("seed", 0)):
        if getattr(options, name) < least:
            raise ConfigError(name, getattr(options, name), f"use {least} or more.")
    for name, least in (("num_practice", 0), ("exposure_ms", 50), ("num_images", 1), ("most_participants", 1)):
        if getattr(options, name) is not None and getattr(options, name) < least:
            raise ConfigError(name, getattr(options, name), f"use {least} or more.")
    if options.num_practice and options.protocol != "real-or-fake":
        remedy = f"protocol = {options.protocol!r} has no right answers to learn; leave it out."
        raise ConfigError("num_practice", options.num_practice, remedy)
    if options.against_truth and (options.protocol != "preference" or options.unpaired):
        raise ConfigError("against_truth", True, "goes with --protocol preference, and not with --unpaired.")
    if options.completion_url is not None and not options.completion_url.startswith(("https://", "http://")):
        raise ConfigError("completion_url", options.completion_url, "begin with https://.")


def _places(options: Options) -> dict[str, Path]:
    """Method -> its folder or run."""
    places: dict[str, Path] = {}
    for given in options.method:
        name, equals, place = given.partition("=")
        if not (name and equals and place):
            raise ConfigError("method", given, "write NAME=DIR or NAME=RUN, e.g. pix2pix=runs/facades.")
        if name in (TRUTH, INPUT) or name in places:
            raise ConfigError("method", given, f"{name!r} stands for something already; take another name.")
        places[name] = Path(place)
    if not places or (len(places) == 1 and options.protocol == "preference" and not options.against_truth):
        num = "two or more, or --against-truth" if options.protocol == "preference" else "one or more"
        raise ConfigError("method", ", ".join(options.method), f"give {num}: --method NAME=DIR.")
    return places


def _sources(options: Options, places: dict[str, Path]) -> tuple[list[Source], bool]:
    """Where images come from, real ones first; and whether these belong to inputs."""
    runs = {name: open_run(RunDir(place)) for name, place in places.items() if RunDir(place).run_file.exists()}
    is_paired = not options.unpaired and all(opened.subject.knows_truth for opened in runs.values())
    if options.num_images is not None and not (is_paired or runs):
        raise ConfigError("num_images", options.num_images, "chooses inputs, which --unpaired has none of.")
    sources: list[Source] = []
    wants_truth = needs_truth(_draft(options, tuple(places), is_paired=is_paired))
    if options.real is not None and wants_truth:
        sources.append(find_folder(options.real, who=TRUTH, option="real", prefix="" if is_paired else REAL))
    elif wants_truth and not runs:
        raise ConfigError("real", None, "give a folder of real images: --real DIR.")
    if options.input is not None:
        sources.append(find_folder(options.input, who=INPUT, option="input"))
    elif options.protocol == "preference" and not runs:
        raise ConfigError("input", None, "give a folder of what was translated: --input DIR.")
    given = {TRUTH if source.who == TRUTH else INPUT for source in sources if isinstance(source, Folder)}
    sources += _of_runs(options, runs, gives={TRUTH, INPUT} - given if wants_truth else {INPUT} - given)
    folders = {name: place for name, place in places.items() if name not in runs}
    sources += [find_folder(place, who=name, option="method") for name, place in folders.items()]
    return sources, is_paired


def _of_runs(options: Options, runs: dict[str, "OpenRun"], *, gives: set[str]) -> list["Translated"]:
    """The first one shows what is not given as a folder."""
    if not runs:
        return []
    _require_one_cut(runs)
    from trainer.study.translated import Translated

    device, most = choose_device(options.device), options.num_images
    return [
        Translated(opened=opened, who=name, device=device, most=most, gives=frozenset() if place else frozenset(gives))
        for place, (name, opened) in enumerate(runs.items())
    ]


def _require_one_cut(runs: dict[str, "OpenRun"]) -> None:
    """Raise ConfigError if runs see other parts of the same images."""
    parts = {}
    for name, opened in runs.items():
        size, crop = opened.subject.evaluation_size, opened.config.data.crop_shape
        parts[name] = tuple(round(part / whole, 2) for whole, part in zip(size, crop, strict=True))
    if len(set(parts.values())) > 1:
        raise ConfigError("method", parts, "see other parts of the images; translate to folders, and give those.")
    if len({opened.subject.knows_truth for opened in runs.values()}) > 1:
        raise ConfigError("method", ", ".join(runs), "are of paired and of unpaired data; give folders.")


def _draft(options: Options, methods: tuple[str, ...], *, is_paired: bool) -> Design:
    """The study without its images."""
    is_timed = options.protocol == "real-or-fake"
    return Design(
        protocol=options.protocol,
        title=options.title or TITLES[options.protocol],
        methods=methods,
        images={},
        num_practice=(10 if is_timed else 0) if options.num_practice is None else options.num_practice,
        num_counted=options.num_counted,
        num_checks=options.num_checks,
        exposure_ms=options.exposure_ms or (1000 if is_timed else None),
        is_paired=is_paired,
        against_truth=options.against_truth,
        seed=options.seed,
        rules=options.rules,
        consent=_consent(options.consent),
        most_participants=options.most_participants,
        completion_code=options.completion_code,
        completion_url=options.completion_url,
        keeps_ids=options.keep_ids,
        salt=secrets.token_hex(32),
    )


def _consent(path: Path | None) -> str:
    if path is None:
        return CONSENT
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("consent", str(path), f"cannot be read ({error}); give a text file.") from error
