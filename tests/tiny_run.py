"""A run by hand: a data set with classes, and a checkpoint that holds only what translation reads.

Scores can be worked out: the target of sample n shows land in its first 8 + 4 n columns, and sea in the others.
"""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import torch
import webdataset as wds
from PIL import Image
from wds2idx import IndexCreator

from sharding.format.manifest import ClassInfo, Manifest, Shard, View
from sharding.format.manifest_file import manifest_bytes, read_manifest, write_manifest
from trainer.checkpoints.layout import EMA_FILE, CheckpointState, describe_file, write_state
from trainer.config.data import DataConfig
from trainer.config.engine import EngineConfig
from trainer.config.evaluate import EvaluateConfig
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.data.subject import Subject
from trainer.engine.average import MovingAverage
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.registry import build_method
from trainer.runs.config import RunConfig, config_to_dict
from trainer.runs.formats import RUN
from trainer.runs.rundir import RunDir

SIDE = 32
POSITION = 1200
CLASSES = [
    ClassInfo(name="sea", color=(0, 0, 255)),
    ClassInfo(name="land", color=(0, 255, 0)),
    ClassInfo(name="lake", color=(0, 255, 255)),
]
NUM_SAMPLES = {"train": 5, "val": 4, "test": 3}
CHANNELS = {"photo": 3, "map": 3, "height": 1}


def coast(number: int) -> int:
    """The first column of sea in a sample's map."""
    return 8 + 4 * number


def sample_views(split: str, number: int) -> dict[str, np.ndarray]:
    """Pixels of a sample: `photo` and `height` are noise, `map` renders land and sea, and never a lake."""
    random = np.random.default_rng((list(NUM_SAMPLES).index(split), number))
    rendered = np.empty((SIDE, SIDE, 3), np.uint8)
    rendered[:, : coast(number)] = CLASSES[1].color
    rendered[:, coast(number) :] = CLASSES[0].color
    return {
        "photo": random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
        "map": rendered,
        "height": random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8),
    }


def png_bytes(pixels: np.ndarray) -> bytes:
    """[H, W] or [H, W, 3] uint8 -> the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_map_dataset(folder: Path) -> None:
    """Views `photo`, `map` (renders the classes) and `height` (one channel), one shard to each split."""
    views = {
        name: View(
            extension=f"{name}.png",
            channels=channels,
            width=SIDE,
            height=SIDE,
            renders_classes=name == "map",
        )
        for name, channels in CHANNELS.items()
    }
    splits = {split: [_write_shard(folder, split, number)] for split, number in NUM_SAMPLES.items()}
    write_manifest(folder, Manifest(name="tiny", views=views, classes=CLASSES, splits=splits))


def _write_shard(folder: Path, split: str, num_samples: int) -> Shard:
    tar, index = folder / split / "000000.tar", folder / split / "000000.idx"
    tar.parent.mkdir(parents=True)
    with wds.TarWriter(str(tar)) as writer:
        for number in range(num_samples):
            files = {f"{name}.png": png_bytes(pixels) for name, pixels in sample_views(split, number).items()}
            writer.write({"__key__": f"{split}-{number}", **files})
    with IndexCreator(str(tar), str(index), verbose=False) as creator:
        creator.create_index()
    return Shard(
        path=f"{split}/000000.tar",
        num_samples=num_samples,
        num_bytes=tar.stat().st_size,
        sha256=hashlib.sha256(tar.read_bytes()).hexdigest(),
        index_sha256=hashlib.sha256(index.read_bytes()).hexdigest(),
    )


def tiny_config(dataset: Path) -> RunConfig:
    """photo -> map with a U-Net that has dropout."""
    return RunConfig(
        method=Pix2PixConfig(
            generator=GeneratorConfig(num_filters=4, num_downs=5),
            discriminator=PatchGANConfig(num_filters=4, num_layers=1),
        ),
        data=DataConfig(path=dataset, view_a="photo", view_b="map", load_size=36, crop_size=SIDE),
        train=TrainConfig(total_kimg=2),
        engine=EngineConfig(device="cpu", precision="fp32"),
        samples=SamplesConfig(num_rows=2),
        evaluate=EvaluateConfig(encoder="none"),
    )


def subject_of(config: RunConfig) -> Subject:
    """What a run sees that holds nothing out."""
    return Subject(data=config.data, method=config.method, manifest=read_manifest(config.data.path))


def write_tiny_run(run: RunDir, config: RunConfig) -> None:
    """After 1200 of 2000 images, with random weights."""
    run.samples.mkdir(parents=True)
    record = {
        "preset": "tiny-preset",
        "command": ["diptych", "train"],
        "started": "2031-05-06T07:08:09+00:00",
        "commit": "0123abc",
        "python": "3.11.0",
        "versions": {"torch": "2.14.1"},
        "wandb_id": "0123456789ab",
        "dataset_sha256": hashlib.sha256(manifest_bytes(config.data.path)).hexdigest(),
        "config": config_to_dict(config),
        "held_out": {},
    }
    run.run_file.write_text(json.dumps(RUN.stamp(record)))
    checkpoint = run.checkpoints / f"{POSITION:08d}"
    checkpoint.mkdir(parents=True)
    torch.manual_seed(0)
    channels_a, channels_b = CHANNELS[config.data.view_a], CHANNELS[config.data.view_b]
    task = Task(channels_a=channels_a, channels_b=channels_b, side=config.data.crop_size)
    networks = build_method(config.method, task).players["generator"].networks
    average = MovingAverage(dict(networks.items()), half_life_kimg=0)
    torch.save(average.state_dict(), checkpoint / EMA_FILE)
    files = {EMA_FILE: describe_file(checkpoint / EMA_FILE)}
    write_state(checkpoint, CheckpointState(position=POSITION, step=1, world_size=1, ranks=[{}], files=files))
