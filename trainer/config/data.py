"""Which data a run sees."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PlainSerializer, PlainValidator

from sharding.storage.place import PLACE_ARGUMENT, Place, parse_place, place_problem
from trainer.config.errors import STRICT, require

Pairing = Literal["paired", "unpaired", "single"]
"""What a method learns from: images that belong together, images of two views apart, or images of view b alone."""


DataPlace = Annotated[
    Place,
    PlainValidator(lambda value: parse_place(value) if isinstance(value, str) else value),
    PlainSerializer(str),
    PLACE_ARGUMENT,
]
"""A place that is text on the command line and in run.json."""


@dataclass(frozen=True, kw_only=True)
class DegradeConfig:
    """How view a is made from view b, for a method that is to restore it."""

    __pydantic_config__ = STRICT

    kind: Literal["none", "blur", "downscale", "noise", "jpeg"] = "none"
    """`none`: view a is read. `blur`: Gaussian; `downscale`: fewer pixels, enlarged again (super-resolution); `noise`:
    white and Gaussian; `jpeg`: the artefacts of compression."""
    blur_sigma: float = 2.0
    """Pixels: standard deviation of the blur."""
    factor: Literal[2, 4] = 2
    """How many times smaller `downscale` makes the sides of the crop."""
    noise_sigma: float = 25.0
    """Grey levels of 255: standard deviation of the noise, before values are cut to 0..255 and rounded."""
    jpeg_quality: int = 20
    """1 (worst) to 100, as JPEG libraries count; colour has half the resolution."""

    def __post_init__(self) -> None:
        require(0 < self.blur_sigma <= 32, "data.degrade.blur_sigma", self.blur_sigma, "use more than 0, at most 32.")
        require(
            0 < self.noise_sigma <= 255, "data.degrade.noise_sigma", self.noise_sigma, "use more than 0, at most 255."
        )
        require(1 <= self.jpeg_quality <= 100, "data.degrade.jpeg_quality", self.jpeg_quality, "use 1 to 100.")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which two views of which data set, and how they are cropped."""

    __pydantic_config__ = STRICT

    path: DataPlace = Path("data/earth-128")
    """Folder of a data set made by `diptych shard`: it holds dataset.json. Or its address: s3://BUCKET/FOLDER,
    gs://BUCKET/FOLDER, http://HOST/FOLDER or https://HOST/FOLDER."""
    view_a: str = "relief"
    """Name of the input view, as listed in dataset.json."""
    view_b: str = "satellite"
    """Name of the target view; of the only one, for methods that learn from one."""
    label: str | None = None
    """Name of the label that the method is to use, as listed in dataset.json; only some methods need one."""
    load_size: int = 143
    """Pixels: training images are resized to a square of this size before they are cropped."""
    crop_size: int = 128
    """Pixels: side of the random square crop that is trained on; a multiple of the generator's stride."""
    flip: bool = True
    """Mirror half of the training pairs left to right."""
    degrade: DegradeConfig = field(default_factory=DegradeConfig)
    shuffle_window_shards: int = 8
    """Samples are shuffled within this many shards; more is more random, fewer reads more sequentially."""
    num_threads: int = 2
    """DALI's decoding threads for each rank."""
    cache_dir: Path | None = None
    """Where shards of remote data sets are kept on this machine, for all its ranks and runs. Unless given: what the
    variable DIPTYCH_CACHE says, else ~/.cache/diptych."""
    cache_gb: float = 50.0
    """Gigabytes: the most that the cache may hold; what was not used for longest goes first."""

    def __post_init__(self) -> None:
        require(self.crop_size >= 16, "data.crop_size", self.crop_size, "use at least 16 pixels.")
        require(
            self.load_size >= self.crop_size,
            "data.load_size",
            self.load_size,
            f"must be at least data.crop_size ({self.crop_size}).",
        )
        require(
            self.shuffle_window_shards >= 1,
            "data.shuffle_window_shards",
            self.shuffle_window_shards,
            "use 1 or more.",
        )
        require(self.num_threads >= 1, "data.num_threads", self.num_threads, "use 1 or more.")
        require(self.cache_gb > 0, "data.cache_gb", self.cache_gb, "use a positive number.")
        problem = place_problem(self.path)
        require(problem is None, "data.path", str(self.path), str(problem))
        self._check_degrade()

    @property
    def cache_folder(self) -> Path:
        """Where this machine keeps remote shards."""
        return self.cache_dir or Path(os.environ.get("DIPTYCH_CACHE") or Path.home() / ".cache" / "diptych")

    @property
    def is_degraded(self) -> bool:
        """View a is made from view b, crop by crop."""
        return self.degrade.kind != "none"

    def _check_degrade(self) -> None:
        require(
            not self.is_degraded or self.view_a == self.view_b,
            "data.view_a",
            self.view_a,
            f"must equal data.view_b = {self.view_b!r}, of which data.degrade.kind = {self.degrade.kind!r} makes the "
            "input; set both to one view, or the kind to none.",
        )
        require(
            self.degrade.kind != "downscale" or self.crop_size % self.degrade.factor == 0,
            "data.degrade.factor",
            self.degrade.factor,
            f"must divide data.crop_size = {self.crop_size}.",
        )
