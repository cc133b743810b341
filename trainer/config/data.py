"""Which data a run sees."""

from dataclasses import dataclass
from pathlib import Path

from trainer.config.errors import STRICT, require


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which two views of which data set, and how they are cropped."""

    __pydantic_config__ = STRICT

    path: Path = Path("data/earth-128")
    """Folder of a data set made by `diptych shard`: it holds dataset.json."""
    view_a: str = "relief"
    """Name of the input view, as listed in dataset.json."""
    view_b: str = "satellite"
    """Name of the target view."""
    label: str | None = None
    """Name of the label that the method is to use, as listed in dataset.json; only some methods need one."""
    load_size: int = 143
    """Pixels: training images are resized to a square of this size before they are cropped."""
    crop_size: int = 128
    """Pixels: side of the random square crop that is trained on; a multiple of the generator's stride."""
    flip: bool = True
    """Mirror half of the training pairs left to right."""
    shuffle_window_shards: int = 8
    """Samples are shuffled within this many shards; more is more random, fewer reads more sequentially."""
    num_threads: int = 2
    """DALI's decoding threads for each rank."""

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
