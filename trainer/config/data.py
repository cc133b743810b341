"""Which data a run sees."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from sharding.storage.place import PLACE_ARGUMENT, Place, parse_place, place_problem
from trainer.config.bounds import AtLeast, AtLeastOne, MoreThan
from trainer.config.errors import ConfigError, require
from trainer.config.section import Section
from trainer.config.stored import Stored

Size = int | tuple[int, int]
"""Pixels: the side of a square, or height and width."""

Resize = Literal["stretch", "cover", "none"]
"""How images come to the size at which they are cropped: see `DataConfig.resize`."""

Pairing = Literal["paired", "unpaired", "single"]
"""What a method learns from: images that belong together, images of two views apart, or images of view b alone."""


DataPlace = Annotated[
    Place,
    Stored(read=lambda value: parse_place(value) if isinstance(value, str) else value, write=str),
    PLACE_ARGUMENT,
]
"""A place that is text on the command line and in run.json."""


CACHE_FOLDER, CACHE_GB = "DIPTYCH_CACHE", "DIPTYCH_CACHE_GB"
"""Variables of the machine. They come from its user, never from a run, which a stranger may have made."""
_DEFAULT_GB = 50.0

_FORGOTTEN = Stored(read=lambda value: None, write=str)
"""What an older run.json, or one from a stranger, says there has no effect."""
_NOT_STORED = {"exclude": True}
"""Of a field, which pydantic then leaves out of run.json."""


@dataclass(frozen=True, kw_only=True)
class DegradeConfig(Section):
    """How view a is made from view b, for a method that is to restore it."""

    kind: Literal["none", "blur", "downscale", "noise", "jpeg"] = "none"
    """`none`: view a is read. `blur`: Gaussian; `downscale`: fewer pixels, enlarged again (super-resolution); `noise`:
    white and Gaussian; `jpeg`: the artefacts of compression."""
    blur_sigma: Annotated[float, MoreThan(0, "use more than 0, at most 32.", most=32)] = 2.0
    """Pixels: standard deviation of the blur."""
    factor: Literal[2, 4] = 2
    """How many times smaller `downscale` makes the sides of the crop."""
    noise_sigma: Annotated[float, MoreThan(0, "use more than 0, at most 255.", most=255)] = 25.0
    """Grey levels of 255: standard deviation of the noise, before values are cut to 0..255 and rounded."""
    jpeg_quality: Annotated[int, AtLeast(1, "use 1 to 100.", most=100)] = 20
    """1 (worst) to 100, as JPEG libraries count; colour has half the resolution."""


_Strength = Annotated[float, AtLeast(0, "use 0 (off) to 1.", most=1)]


@dataclass(frozen=True, kw_only=True)
class JitterConfig(Section):
    """Random changes of brightness and colour, of one view only: geometry is shared by all views, light is not."""

    view: Literal["a", "b"] = "a"
    """The view that is changed; the other stays as it is."""
    brightness: _Strength = 0.0
    """Values are multiplied by up to this much more or less than 1, e.g. 0.2; 0 is off."""
    contrast: _Strength = 0.0
    """Distances from middle grey, likewise."""
    saturation: _Strength = 0.0
    """Distances from grey of the same brightness, likewise; of RGB views only."""
    hue: Annotated[float, AtLeast(0, "use 0 (off) to 180 degrees.", most=180)] = 0.0
    """Degrees by which hues are turned at most, either way; of RGB views only."""

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return max(self.brightness, self.contrast, self.saturation, self.hue) > 0

    @property
    def changes_colors(self) -> bool:
        """Whether it needs an RGB view."""
        return max(self.saturation, self.hue) > 0


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """Which two views of which data set, and how they are cropped."""

    path: DataPlace = Path("data/earth-128")
    """Folder of a data set made by `diptych shard`: it holds dataset.json. Or its address: s3://BUCKET/FOLDER,
    gs://BUCKET/FOLDER, http://HOST/FOLDER or https://HOST/FOLDER."""
    view_a: str = "relief"
    """Name of the input view, as listed in dataset.json."""
    view_b: str = "satellite"
    """Name of the target view; of the only one, for methods that learn from one."""
    view_c: str | None = None
    """Name of a third view, for methods that learn from three."""
    label: str | None = None
    """Name of the label that the method is to use, as listed in dataset.json; only some methods need one."""
    load_size: Size = 143
    """Pixels: training images are resized to this before they are cropped; one number is a square, two are height and
    width."""
    crop_size: Annotated[Size, AtLeast(16, "use at least 16 pixels.")] = 128
    """Pixels: the random crop that is trained on, likewise; sides are multiples of the generator's stride."""
    resize: Resize = "stretch"
    """`stretch`: to the load size, whatever the image's shape. `cover`: as small as covers it, in the image's own
    proportions. `none`: crops are cut from the stored pixels, and the load size is of no use."""
    flip: bool = True
    """Mirror half of the training pairs left to right."""
    rotate: bool = False
    """Turn training pairs by 0, 90, 180 or 270 degrees; for images without an upside, and square crops only."""
    jitter: JitterConfig = field(default_factory=JitterConfig)
    degrade: DegradeConfig = field(default_factory=DegradeConfig)
    shuffle_window_shards: AtLeastOne = 8
    """Samples are shuffled within this many shards; more is more random, fewer reads more sequentially."""
    num_threads: AtLeastOne = 4
    """DALI's decoding threads for each rank; twice its cores is best, as they wait for each other."""
    cache_dir: Annotated[Path | None, _FORGOTTEN] = field(default=None, metadata=_NOT_STORED)
    """Where shards of remote data sets are kept on this machine: a folder for nothing else. Unless given: what the
    variable DIPTYCH_CACHE says, else ~/.cache/diptych. Not stored with the run: --resume and other commands go by the
    variable."""
    cache_gb: Annotated[float | None, _FORGOTTEN, MoreThan(0, "use a positive number.")] = field(
        default=None, metadata=_NOT_STORED
    )
    """Gigabytes: the most that the cache may hold; what was not used for longest goes first. Unless given: what the
    variable DIPTYCH_CACHE_GB says, else 50. Not stored with the run, either."""

    def check_fields(self) -> None:
        """Raise ConfigError for a place that is none, or crops, changes and degradations that exclude each other."""
        require(
            self.resize == "none"
            or all(load >= crop for load, crop in zip(self.load_shape, self.crop_shape, strict=True)),
            "load_size",
            self.load_size,
            f"must be at least data.crop_size ({self.crop_size}).",
        )
        problem = place_problem(self.path)
        require(problem is None, "path", str(self.path), str(problem))
        self._check_augmentation()
        self._check_degrade()

    @property
    def cache_folder(self) -> Path:
        """Where this machine keeps remote shards. Raises ConfigError if nothing says where."""
        if self.cache_dir is not None:
            return self.cache_dir
        if named := os.environ.get(CACHE_FOLDER):
            return Path(named)
        try:
            return Path.home() / ".cache" / "diptych"
        except RuntimeError as error:  # as a container's number without a name has none
            raise ConfigError(CACHE_FOLDER, "", "this user has no home folder to keep a cache in; name one.") from error

    @property
    def cache_limit_gb(self) -> float:
        """The most that the cache may hold. Raises ConfigError if the variable holds no positive number."""
        if self.cache_gb is not None:
            return self.cache_gb
        text = os.environ.get(CACHE_GB) or str(_DEFAULT_GB)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        require(0 < value < math.inf, CACHE_GB, text, "use a positive number: gigabytes, e.g. 50.")
        return value

    def share_cache(self) -> None:
        """Tell the processes that this one starts what the command line says of the cache: run.json does not."""
        if self.cache_dir is not None:
            os.environ[CACHE_FOLDER] = str(self.cache_dir.absolute())
        if self.cache_gb is not None:
            os.environ[CACHE_GB] = str(self.cache_gb)

    @property
    def load_shape(self) -> tuple[int, int]:
        """Height, width in pixels."""
        return height_and_width(self.load_size)

    @property
    def crop_shape(self) -> tuple[int, int]:
        """Height, width in pixels."""
        return height_and_width(self.crop_size)

    @property
    def is_degraded(self) -> bool:
        """View a is made from view b, crop by crop."""
        return self.degrade.kind != "none"

    def _check_augmentation(self) -> None:
        height, width = self.crop_shape
        require(
            not self.rotate or height == width,
            "rotate",
            self.rotate,
            f"turns squares only; use false, or a square in place of data.crop_size = {self.crop_size}.",
        )
        require(
            not (self.jitter.is_on and self.is_degraded),
            "jitter",
            self.jitter,
            f"would make input and target of data.degrade.kind = {self.degrade.kind!r} differ in light; use one.",
        )

    def _check_degrade(self) -> None:
        require(
            not self.is_degraded or self.view_a == self.view_b,
            "view_a",
            self.view_a,
            f"must equal data.view_b = {self.view_b!r}, of which data.degrade.kind = {self.degrade.kind!r} makes the "
            "input; set both to one view, or the kind to none.",
        )
        require(
            not self.is_degraded or self.view_c is None,
            "view_c",
            self.view_c,
            f"is of no use where data.degrade.kind = {self.degrade.kind!r} makes the input; use None.",
        )
        require(
            self.degrade.kind != "downscale" or not any(side % self.degrade.factor for side in self.crop_shape),
            "degrade.factor",
            self.degrade.factor,
            f"must divide data.crop_size = {self.crop_size}.",
        )


def height_and_width(size: Size) -> tuple[int, int]:
    """Sides of a square or a rectangle."""
    return (size, size) if isinstance(size, int) else size
