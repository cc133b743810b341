"""What the loaders of the benchmark do, and ours: apart from the others, whose imports take seconds."""

from dataclasses import dataclass
from pathlib import Path

from sharding.format.manifest_file import read_manifest
from trainer.config import DataConfig
from trainer.data.loader import Loader


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every loader does."""

    title: str
    folder: Path
    views: tuple[str, str]
    load_size: int
    crop_size: int
    batch_size: int
    num_workers: int
    """Processes of the others."""
    num_threads: int = DataConfig().num_threads
    """Of ours."""
    seed: int = 0


def open_loader(work: Work) -> Loader:
    """Ours, as a run of one rank without a GPU opens it."""
    data = DataConfig(
        path=work.folder,
        view_a=work.views[0],
        view_b=work.views[1],
        load_size=work.load_size,
        crop_size=work.crop_size,
        num_threads=work.num_threads,
    )
    return Loader(
        data=data,
        pairing="paired",
        manifest=read_manifest(work.folder),
        split="train",
        shuffle=True,
        seed=work.seed,
        batch_size=work.batch_size,
        rank=0,
        world_size=1,
        device_id=None,
    )
