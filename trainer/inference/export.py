"""The networks of a checkpoint as files that others read without Diptych: plain numbers by the names of parameters."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from sharding.storage.files import written_atomically
from sharding.storage.records import RecordError
from trainer.checkpoints.layout import EMA_FILE, CheckpointState, check_content, check_folder, read_state
from trainer.checkpoints.load import DAMAGES
from trainer.checkpoints.source import weight_files
from trainer.config.errors import ConfigError
from trainer.engine.stored_weights import read_weights
from trainer.engine.tensors import load_tensors
from trainer.inference.safetensors import NAMES, write_safetensors
from trainer.runs.config import config_to_dict
from trainer.runs.opened import OpenRun

Format = Literal["safetensors", "torch"]
SUFFIXES: Mapping[Format, str] = {"safetensors": ".safetensors", "torch": ".pt"}

_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
"""Of a network, and so of its file: a checkpoint may come from a stranger."""

Weights = dict[str, dict[str, Tensor]]
"""Of networks by their names: tensors by theirs, as in a `state_dict`."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One network, written."""

    name: str
    path: Path
    num_tensors: int
    num_bytes: int


def export_networks(
    opened: OpenRun, folder: Path, *, out: Path, kind: Format, averaged: bool, names: Collection[str] = ()
) -> list[Exported]:
    """Write networks of a checkpoint, each into a file of its own.

    Args:
        folder: of the checkpoint, of any ZeRO stage and number of ranks.
        out: the file, if it has the suffix of its kind; else the folder for one file of each network.
        averaged: the moving averages of the generators, else all players' networks as they were trained.
        names: of the networks; all that there are if empty.

    Raises:
        ConfigError: the checkpoint is damaged or lacks a network, or several are to go into one file.
    """
    found = read_networks(folder, averaged=averaged)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ConfigError("networks", unknown[0], f"{folder} has no such network; it has: {', '.join(found)}.")
    chosen = {name: found[name] for name in (names or found)}
    suffix = SUFFIXES[kind]
    if out.suffix == suffix and len(chosen) > 1:
        remedy = f"is one file, and there are {len(chosen)} networks ({', '.join(chosen)}): name one, or a folder."
        raise ConfigError("out", str(out), remedy)
    place = out.parent if out.suffix == suffix else out
    place.mkdir(parents=True, exist_ok=True)
    exported = []
    for name, tensors in chosen.items():
        path = out if out.suffix == suffix else out / f"{name}{suffix}"
        told = describe_network(opened, name, position=int(folder.name), averaged=averaged)
        _WRITERS[kind](path, tensors, told)
        num_bytes = path.stat().st_size
        exported.append(Exported(name=name, path=path, num_tensors=len(tensors), num_bytes=num_bytes))
    return exported


def read_networks(folder: Path, *, averaged: bool) -> Weights:
    """The networks of a checkpoint on the CPU, whole, whatever ZeRO stage and number of ranks wrote it.

    Raises:
        ConfigError: it is damaged, or was passed on without what is wanted.
    """
    try:
        state = read_state(folder)
        names = {EMA_FILE} if averaged else weight_files(folder, state)
        check_folder(folder, state, names=names)
        check_content(folder, state, names=names)
        if averaged:
            return _checked(load_tensors(folder / EMA_FILE))
        if names == {EMA_FILE}:
            raise RecordError("it was passed on without the networks as they were trained")
        return _checked(_trained(folder, state, names))
    except DAMAGES as error:
        reason = str(error) or type(error).__name__
        raise ConfigError("checkpoint", str(folder), f"cannot be exported: {reason}.") from error


def _trained(folder: Path, state: CheckpointState, names: Collection[str]) -> Weights:
    weights: Weights = {}
    for player in sorted({name.partition("/")[0] for name in names}):
        for full_name, tensor in read_weights(folder / player, num_ranks=state.world_size).items():
            network, _, name = full_name.partition(".")
            weights.setdefault(network, {})[name] = tensor
    return weights


def _checked(weights: Mapping[Any, Mapping[Any, Any]]) -> Weights:
    """The same. Raises RecordError unless names can be those of files, and all else is plain tensors."""
    for name, tensors in weights.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise RecordError(f"{name!r:.100} is no name of a network")
        for key, tensor in tensors.items():
            is_plain = isinstance(tensor, Tensor) and tensor.layout == torch.strided and tensor.dtype in NAMES
            if not isinstance(key, str) or not is_plain:
                raise RecordError(f"{key!r:.100} of {name} is no plain tensor")
    return {name: dict(tensors) for name, tensors in weights.items()}


def describe_network(opened: OpenRun, name: str, *, position: int, averaged: bool) -> dict[str, str]:
    """What whoever uses a network must know of it, as text, which is all that safetensors can hold."""
    record, subject = opened.run.record(), opened.subject
    views = {view: asdict(subject.manifest.views[view]) for view in subject.views}
    return {
        "format": "pt",
        "network": name,
        "weights": "averaged" if averaged else "trained",
        "method": opened.config.method.name,
        "preset": record["preset"],
        "position": str(position),
        "input": "images are (N, C, H, W) in [-1, 1]; the view's value_range says which stored values these are",
        "views": json.dumps(views),
        "config": json.dumps(config_to_dict(opened.config)),
    }


def _write_safetensors(path: Path, tensors: Mapping[str, Tensor], told: Mapping[str, str]) -> None:
    with written_atomically(path) as file:
        write_safetensors(file, tensors, metadata=told)


def _write_torch(path: Path, tensors: Mapping[str, Tensor], told: Mapping[str, str]) -> None:
    """A plain `state_dict`; what is to be known of it stands beside it, in a file of JSON."""
    with written_atomically(path.with_suffix(".json")) as file:
        file.write(json.dumps(told, indent=1).encode())
    with written_atomically(path) as file:
        # Each tensor by itself: a slice would bring all of what it is a slice of.
        torch.save({name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}, file)


_WRITERS: Mapping[Format, Callable[[Path, Mapping[str, Tensor], Mapping[str, str]], None]] = {
    "safetensors": _write_safetensors,
    "torch": _write_torch,
}
