"""`diptych fetch NAME`: fetch a public data set of pix2pix or CycleGAN, and make shards of it."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from sharding.console import make_console
from sharding.public.sets import REFUSED, SETS, PublicSet
from sharding.storage.place import Url, place_problem
from trainer.config.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """Fetch a public data set by its name, unpack it, and make shards of it. Without a name: list them."""

    name: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="NAME")] = None
    """E.g. facades, maps, edges2shoes, horse2zebra, monet2photo."""
    out: Path | None = None
    """Folder of the data set; data/NAME if not given, where the preset of the set looks for it."""
    downloads: Path = Path("data/downloads")
    """Folder of archives, which are kept: an interrupted fetch goes on there."""
    size: int | None = None
    """Pixels, square, of what is stored; as the set's paper has it if not given."""
    base_url: str | None = None
    """Folder that the archive lies in, in place of its authors': a copy of your own."""
    sha256: str | None = None
    """What the archive's checksum must be. Its authors published none; that of the first fetch is written down."""
    keep_images: tyro.conf.FlagCreatePairsOff[bool] = False
    """Keep the unpacked pictures, too."""

    def __post_init__(self) -> None:
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ConfigError("sha256", self.sha256, "must be 64 digits of 0-9 and a-f.")
        if self.base_url is not None and (problem := place_problem(Url(self.base_url))):
            raise ConfigError("base_url", self.base_url, problem)
        if self.size is not None and self.size < 1:
            raise ConfigError("size", self.size, "use 1 or more.")


def main(argv: list[str]) -> int:
    """Fetch a data set. Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    options = tyro.cli(FetchOptions, args=argv, prog="diptych fetch")
    if options.name is None:
        make_console().print(list_text(), markup=False)
        return 0
    return _fetch(_chosen(options.name), options)


def list_text() -> str:
    """A line for each set that can be fetched."""
    width = max(map(len, SETS))
    return "\n".join(f"{name:{width}}  {each.about}; {each.licence}" for name, each in SETS.items())


def _chosen(name: str) -> PublicSet:
    if name in REFUSED:
        raise ConfigError("name", name, f"{REFUSED[name]}.")
    if name not in SETS:
        raise ConfigError("name", name, f"is no set that is known; there are: {', '.join((*SETS, *REFUSED))}.")
    return SETS[name]


def _fetch(public: PublicSet, options: FetchOptions) -> int:
    from sharding.format.manifest import FILE_NAME

    console = make_console()
    out = options.out or Path("data") / public.name
    if (out / FILE_NAME).is_file():
        console.print(f"{out} is already there.")
        return 0
    url = Url(options.base_url or public.base) / public.archive
    console.print(f"{public.name}: {public.about}\nlicence: {public.licence}\nfrom {url}", markup=False)
    from sharding.bars import progress_bars
    from sharding.public.fetch import fetch_archive, fetched_images
    from sharding.storage.lock import only_process

    options.downloads.mkdir(parents=True, exist_ok=True)
    try:
        with only_process(options.downloads, refuse=partial(ConfigError, "downloads", str(options.downloads))):
            with progress_bars(console) as bar:
                archive, digest = fetch_archive(url, options.downloads, sha256=options.sha256, progress=bar("bytes"))
            console.print(f"{archive}: SHA-256 {digest}")
            images = fetched_images(public, archive, options.downloads)
    except KeyboardInterrupt:
        console.print("Interrupted. The same command goes on where this one stopped.")
        return 130
    return _shard(public, images, out=out, options=options)


def _shard(public: PublicSet, images: Path, *, out: Path, options: FetchOptions) -> int:
    import shutil

    from sharding.cli import main as shard

    kind = "pairs" if public.layout == "pairs" else "unpaired"
    names = ("--view-left", "--view-right") if kind == "pairs" else ("--view-a", "--view-b")
    views = [word for pair in zip(names, public.views, strict=True) for word in pair]
    size = str(options.size or public.size)
    status = shard([kind, "--folder", str(images), *views, "--size", size, "--out", str(out)])
    if status == 0 and not options.keep_images:
        shutil.rmtree(options.downloads / public.name)
    return status
