"""Labelled images that a reader tells apart at a glance, and methods without networks that show labels or do not."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sharding.format.manifest import LabelInfo, View
from tests.tiny_run import subject_of
from tests.unit.data.tiny_shards import encode, write_dataset
from trainer.checkpoints.layout import EMA_FILE, CheckpointState, describe_file, write_state
from trainer.config.data import DataConfig
from trainer.config.engine import EngineConfig
from trainer.config.method import MethodConfig
from trainer.engine.average import MovingAverage
from trainer.inference.translator import Translator
from trainer.methods.base import Networks
from trainer.methods.registry import build_method
from trainer.pictures.tensors import from_picture
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir
from trainer.runs.task import resolve_task

SIDE = 16
COLOURS = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}
STRIPES = ("lying", "standing")
NUM_SAMPLES = {"train": 60, "test": 18}


def pixels(colour: int, stripe: int, *, seed: int) -> np.ndarray:
    """[SIDE, SIDE, 3] uint8: a noisy colour with dark bars, 2 pixels wide, that lie or stand."""
    generator = np.random.default_rng((colour, stripe, seed))
    image = np.array(list(COLOURS.values())[colour]) + generator.integers(-25, 26, (SIDE, SIDE, 3))
    bars = np.arange(SIDE) // 2 % 2 == seed % 2
    if stripe == STRIPES.index("lying"):
        image[bars] //= 2
    else:
        image[:, bars] //= 2
    return image.clip(0, 255).astype(np.uint8)


def image_of(colour: int, stripe: int, *, seed: int) -> Tensor:
    """(3, SIDE, SIDE) in [-1, 1]."""
    return from_picture(Image.fromarray(pixels(colour, stripe, seed=seed)))


def labels_of(number: int) -> dict[str, int]:
    return {"colour": number % 3, "stripe": number // 3 % 2}


def write_labelled_dataset(folder: Path) -> None:
    """View `picture`, labels `colour` and `stripe`; all combinations equally often."""
    splits = {split: [[_sample(split, number) for number in range(size)]] for split, size in NUM_SAMPLES.items()}
    labels = {"colour": LabelInfo(names=list(COLOURS)), "stripe": LabelInfo(names=list(STRIPES))}
    views = {"picture": View(extension="picture.png", width=SIDE, height=SIDE)}
    write_dataset(folder, views=views, labels=labels, splits=splits)


def _sample(split: str, number: int) -> tuple[str, dict[str, bytes]]:
    labels = labels_of(number)
    image = pixels(*labels.values(), seed=number + 1000 * (split == "test"))
    return f"{split}-{number}", {"picture": encode(image, "picture.png"), "json": json.dumps(labels).encode()}


def seen_labels(image: Tensor) -> dict[str, int]:
    """Colour and stripe of (3, SIDE, SIDE) in [-1, 1], by arithmetic."""
    rows, columns = image.mean(dim=(0, 2)).std(), image.mean(dim=(0, 1)).std()
    return {"colour": int(image.mean(dim=(1, 2)).argmax()), "stripe": int(columns > rows)}


class Sampler:
    """Draws images of the wanted colour."""

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        assert label is not None
        return torch.stack([self._draw(colour, place) for place, colour in enumerate(label.tolist())])

    def _draw(self, colour: int, place: int) -> Tensor:
        return image_of(colour, place % 2, seed=place)


class DeafSampler(Sampler):
    """Draws images of any colour, whatever is wanted."""

    def _draw(self, colour: int, place: int) -> Tensor:
        return image_of(int(torch.randint(3, ())), place % 2, seed=place)


class Painter:
    """Shows the same stripes in another colour."""

    def relabel(self, networks: Networks, image: Tensor, label: Tensor, kept: Mapping[str, Tensor] = {}) -> Tensor:
        return torch.stack(
            [
                image_of(colour, self._stripe(seen_labels(each)["stripe"]), seed=place)
                for place, (each, colour) in enumerate(zip(image, label.tolist(), strict=True))
            ]
        )

    def _stripe(self, seen: int) -> int:
        return seen


class ForgetfulPainter(Painter):
    """All its stripes lie."""

    def _stripe(self, seen: int) -> int:
        return STRIPES.index("lying")


class Coder:
    """The code of an image is the image."""

    def encode(self, networks: Networks, image: Tensor) -> Tensor:
        return image

    def decode(self, networks: Networks, code: Tensor) -> Tensor:
        return code


def without_networks(method: object) -> Translator:
    """Ready for use."""
    return Translator(method, Networks({}, {}), torch.contiguous_format)  # type: ignore[arg-type]


def config_of(
    dataset: Path, method: MethodConfig, *, label: str | None = "colour", view_a: str = "picture"
) -> RunConfig:
    """A run on the labelled data set."""
    return RunConfig(
        method=method,
        data=DataConfig(path=dataset, view_a=view_a, view_b="picture", label=label, load_size=SIDE, crop_size=SIDE),
        engine=EngineConfig(device="cpu", precision="fp32"),
    )


def write_run(run: RunDir, config: RunConfig) -> RunDir:
    """With a checkpoint of random weights, so large that other codes are other images, after 1200 images."""
    run.create(config, preset="none", command=[])
    torch.manual_seed(0)
    method = build_method(config.method, resolve_task(subject_of(config)))
    networks = {name: player.networks[name] for player in method.players.values() for name in player.networks}
    average = MovingAverage({name: networks[name] for name in method.averaged}, half_life_kimg=0)
    for network in average.networks.values():
        for parameter in network.parameters():
            parameter.mul_(10)
    folder = run.checkpoints / "00001200"
    folder.mkdir()
    torch.save(average.state_dict(), folder / EMA_FILE)
    files = {EMA_FILE: describe_file(folder / EMA_FILE)}
    write_state(folder, CheckpointState(position=1200, step=1, world_size=1, ranks=[{}], files=files))
    return run
