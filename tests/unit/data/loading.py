"""Loaders over the tiny data sets, with any option changed."""

import dataclasses
from itertools import islice

import torch

from sharding.format.manifest_file import read_manifest
from tests.unit.data.tiny_shards import SIDE
from trainer.config import DataConfig
from trainer.data.loader import Loader, evaluation_batches

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
        "pairing": "paired", "split": "train", "shuffle": True, "seed": 11, "batch_size": 4, "rank": 0, "world_size": 1,
        "device_id": None,
    }  # fmt: skip
    changed, data = split_options(changes)
    return Loader(data=data_config(folder, **data), manifest=read_manifest(folder), **options | changed)


def take(num, folder, **changes):
    """The first batches of a loader."""
    loader = open_loader(folder, **changes)
    batches = list(islice(loader, num))
    loader.close()
    return batches


def evaluate(folder, **changes):
    options = {
        "pairing": "paired", "split": "test", "load_size": SIDE, "batch_size": 2, "rank": 0, "world_size": 1,
        "device_id": None,
    }  # fmt: skip
    changed, data = split_options(changes)
    return evaluation_batches(data=data_config(folder, **data), manifest=read_manifest(folder), **options | changed)


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
