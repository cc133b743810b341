"""What the loaders of the benchmark do, and ours: apart from the others, whose imports take seconds."""

from dataclasses import dataclass
from pathlib import Path

import torch

from sharding.format.manifest_file import read_manifest
from trainer.config.data import DataConfig
from trainer.data.loader import Loader
from trainer.data.subject import Subject
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.ranks.world import lone_world


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
    subject = Subject(data=data, method=Pix2PixConfig(), manifest=read_manifest(work.folder))
    return Loader(subject, world=lone_world(torch.device("cpu")), batch_size=work.batch_size, seed=work.seed)
