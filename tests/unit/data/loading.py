"""Loaders over the tiny data sets, with any option changed."""

import dataclasses
from itertools import islice

import torch

from sharding.format.manifest_file import read_manifest
from tests.unit.data.tiny_shards import SIDE
from trainer.config.data import DataConfig
from trainer.config.method import MethodConfig
from trainer.data.loader import Loader
from trainer.data.split import split_images
from trainer.data.subject import Subject
from trainer.ranks.world import World

CROP = 16


def data_config(folder, **changes):
    options = {"view_a": "photo", "view_b": "height", "load_size": SIDE, "crop_size": CROP, "shuffle_window_shards": 2}
    return DataConfig(path=folder, **options | changes)


def split_options(changes):
    """What is of the loader among `changes`, and what of its data."""
    fields = {field.name for field in dataclasses.fields(DataConfig)}
    return (
        {name: value for name, value in changes.items() if name not in fields},
        {name: value for name, value in changes.items() if name in fields},
    )


def open_loader(folder, **changes):
    options = {
        "pairing": "paired", "seed": 11, "batch_size": 4, "rank": 0, "world_size": 1, "device_id": None, "held_out": {},
    }  # fmt: skip
    changed, data = split_options(changes)
    subject, options = _opened(folder, data, options | changed)
    return Loader(subject, **options)


def _opened(folder, data, options):
    """The subject, and what else a pass over it takes."""
    rank, size, device_id = (options.pop(name) for name in ("rank", "world_size", "device_id"))
    device = torch.device("cpu") if device_id is None else torch.device("cuda", device_id)
    options["world"] = World(rank=rank, local_rank=rank, size=size, device=device)
    subject = Subject(
        data=data_config(folder, **data),
        method=options.pop("method", method_of(options.pop("pairing"))),
        manifest=read_manifest(folder),
        held_out=options.pop("held_out"),
    )
    return subject, options


def method_of(pairing, **declared):
    """The section of a method that learns from such images."""
    return type("Some", (MethodConfig,), {"pairing": pairing, **declared})(name="some")


def take(num, folder, **changes):
    """The first batches of a loader."""
    loader = open_loader(folder, **changes)
    batches = list(islice(loader, num))
    loader.close()
    return batches


def evaluate(folder, **changes):
    options = {
        "pairing": "paired", "split": "test", "batch_size": 2, "rank": 0, "world_size": 1, "device_id": None,
        "held_out": {},
    }  # fmt: skip
    changed, data = split_options(changes)
    subject, options = _opened(folder, data, options | changed)
    return split_images(subject, **options)


def keys_of(batches):
    return [key for batch in batches for key in batch.keys]


def assert_equal(batch, other):
    """To the last bit."""
    assert batch.keys == other.keys
    assert torch.equal(batch.index, other.index)
    assert torch.equal(batch.a, other.a)
    assert torch.equal(batch.b, other.b)
    assert (batch.label is None) == (other.label is None)
    assert batch.label is None or torch.equal(batch.label, other.label)
    for name in ("labels", "classes"):
        found, wanted = getattr(batch, name), getattr(other, name)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[key], wanted[key]) for key in found)
    assert (batch.c is None) == (other.c is None)
    assert batch.c is None or torch.equal(batch.c, other.c)
