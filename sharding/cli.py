"""`diptych shard`: make and verify data sets."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import OmitArgPrefixes, Positional
from tyro.extras import subcommand_cli_from_dict

from sharding.console import counted, guard_terminal, make_console, one_line
from sharding.errors import AbsentError, DatasetError, OptionError
from sharding.format.manifest_file import manifest_bytes, seal_manifest
from sharding.storage.place import PLACE_ARGUMENT, Place

if TYPE_CHECKING:
    from rich.table import Table

    from sharding.format.manifest import Manifest

OK, PROBLEM, USAGE, INTERRUPTED = 0, 1, 2, 130
_PROG = "diptych shard"

_MAKE: Mapping[str, tuple[str, str]] = {
    "earth": (
        "sharding.sources.earth:EarthOptions",
        "The embedded set: tiles of aligned maps of the Earth (elevation, relief, satellite, map, classes, edges).",
    ),
    "glyphs": (
        "sharding.sources.glyphs:GlyphsOptions",
        "The embedded sets of characters in real fonts: as views of each other, or labelled for conditional methods.",
    ),
    "pairs": (
        "sharding.sources.pairs:PairsOptions",
        "A folder of side-by-side pairs A|B, as the pix2pix data sets come.",
    ),
    "folders": ("sharding.sources.folders:FoldersOptions", "Two folders whose files have equal names."),
    "images": ("sharding.sources.images:ImagesOptions", "A folder of single images, usually with labels."),
    "unpaired": ("sharding.sources.unpaired:UnpairedOptions", "Two folders of unrelated images."),
}
"""What makes data sets: its options, and what help says of it. Only what is asked for is loaded."""


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Look for damage in a data set: files missing or changed, indices that do not fit, broken images."""

    folder: Annotated[Positional[Place], PLACE_ARGUMENT]
    """The data set: the folder with dataset.json, or its address (s3://, gs://, http://, https://)."""
    decode: bool | None = None
    """Decode every image, too. Unless given: if the data set has at most 2 GB."""
    workers: int = 2
    """Threads that read and decode."""


@dataclass(frozen=True, kw_only=True)
class Seal:
    """Give a dataset.json that you have edited, or made by other means, the checksum that readers expect of it."""

    folder: Positional[Path]
    """The data set: the folder with dataset.json."""


_LOOK = {"verify": Verify, "seal": Seal}


def main(argv: Sequence[str]) -> int:
    """Run one command. 0: done; 1: a problem; 2: an impossible command line; 130: Ctrl-C. Errors go to stderr."""
    guard_terminal()
    errors = make_console(stderr=True)
    try:
        return _run(_parse(list(argv)))
    except OptionError as error:
        errors.print(str(error), style="red")
        return USAGE
    except DatasetError as error:
        errors.print(str(error), style="red")
        return USAGE if isinstance(error, AbsentError) else PROBLEM
    except KeyboardInterrupt:
        errors.print("Interrupted. The same command goes on where this one stopped.")
        return INTERRUPTED
    except SystemExit as exit_:  # how tyro ends after --help and after a wrong option
        return exit_.code if isinstance(exit_.code, int) else OK


def _parse(argv: list[str]) -> Any:
    """The options of the command that is asked for, or the end of the process, with help or what is wrong."""
    name = argv[0] if argv else ""
    if name not in _MAKE and name not in _LOOK:
        known = {each: make_dataclass(each, [], namespace={"__doc__": about}) for each, (_, about) in _MAKE.items()}
        return subcommand_cli_from_dict(
            known | _LOOK, prog=_PROG, description=__doc__, args=argv, sort_subcommands=False
        )
    kind = _LOOK[name] if name in _LOOK else _made(name)
    return tyro.cli(OmitArgPrefixes[kind], args=argv[1:], prog=f"{_PROG} {name}")


def _made(name: str) -> type[Any]:
    """The options of what makes a kind of data set, and those of all that do."""
    from sharding.writing.options import WriteOptions

    place, about = _MAKE[name]
    module, _, options = place.partition(":")
    fields = [("source", getattr(import_module(module), options)), ("write", WriteOptions)]
    return make_dataclass(name, fields, frozen=True, kw_only=True, namespace={"__doc__": about})


def _run(command: Any) -> int:
    if isinstance(command, Seal):
        return run_seal(command)
    from sharding.storage.memory import keep_freed_memory

    keep_freed_memory()
    return run_verify(command) if isinstance(command, Verify) else run_make(command)


def run_make(command: Any) -> int:
    """Make the data set unless it is there, and say what it holds."""
    from sharding.bars import progress_bars
    from sharding.format.manifest import REJECTED
    from sharding.work.plan import SPLITS
    from sharding.writing.writer import make_dataset

    console = make_console()
    start = time.monotonic()
    with progress_bars(console) as bar:
        manifest, is_new = make_dataset(
            command.source,
            command.write,
            progress=bar("images"),
            looking=bar("files looked at"),
            notice=lambda note: console.print(note, style="yellow"),
        )
    if not is_new:
        console.print(f"{command.write.out} is already there, made from the same input with the same options.")
        return OK
    console.print(summary(manifest))
    rejected = command.write.out / REJECTED
    if rejected.is_file():
        with rejected.open() as lines:
            were = counted(sum(1 for _ in lines), "input was", "inputs were")
        console.print(f"{were} left out: {rejected}", style="yellow")
    held_out = [split for split in SPLITS if split != "train"]
    if not any(split in manifest.splits for split in held_out):
        console.print(f"No sample is in {' or '.join(held_out)}: runs have none but those of train.", style="yellow")
    console.print(f"{command.write.out} made in {time.monotonic() - start:.2f} s.")
    return OK


def run_verify(command: Verify) -> int:
    """List what is wrong with the data set."""
    if isinstance(command.folder, Path) and not command.folder.is_dir():
        manifest_bytes(command.folder)  # that there is nothing is told before what reads images is loaded
    from sharding.bars import progress_bars
    from sharding.verifying.verify import verify

    console = make_console()
    start, megabytes = time.monotonic(), 0.0
    with progress_bars(console) as bar:
        progress = bar("MB")

        def show(done: int, total: int) -> None:
            nonlocal megabytes
            megabytes = done / 1e6
            progress(round(megabytes), round(total / 1e6))

        problems = verify(command.folder, decode=command.decode, workers=command.workers, progress=show)
    for problem in problems:
        console.print(one_line(problem), style="red")
    seconds = max(time.monotonic() - start, 1e-3)
    result = f"problems: {len(problems)}" if problems else "whole"
    console.print(
        f"{command.folder}: {result}. {megabytes:.1f} MB read in {seconds:.1f} s ({megabytes / seconds:.0f} MB/s)."
    )
    return PROBLEM if problems else OK


def run_seal(command: Seal) -> int:
    """Give the manifest a new checksum, if it is valid."""
    manifest = seal_manifest(command.folder)
    make_console().print(
        f"{command.folder}: the manifest of {manifest.name} is sealed; `diptych shard verify` tells if it is true."
    )
    return OK


def summary(manifest: "Manifest") -> "Table":
    """One row per split; of an unpaired set also how many samples each view has. Below it, the labels."""
    from rich.table import Table

    views = list(manifest.views) if manifest.kind == "unpaired" else []
    labels = [f"{name}: {len(info.names)}{' in order' * info.ordinal}" for name, info in manifest.labels.items()]
    caption = f"labels: {', '.join(labels)}" if labels else None
    titles = ("split", "samples", *views, "shards", "MB")
    table = Table(*titles, title=manifest.name, title_justify="left", caption=caption, caption_justify="left")
    for split, shards in manifest.splits.items():
        megabytes = sum(shard.num_bytes for shard in shards) / 1e6
        counts = [manifest.num_samples(split, view) for view in (None, *views)]
        table.add_row(split, *map(str, counts), str(len(shards)), f"{megabytes:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
