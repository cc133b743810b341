"""Lets the networks of a new run begin with the weights of another's checkpoint, as far as they fit."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharding.console import counted, make_console, one_line
from sharding.storage.records import RecordError
from trainer.checkpoints.layout import EMA_FILE, STATE_FILE, check_folder, folder_of, numbered_folders, read_state
from trainer.checkpoints.load import DAMAGES
from trainer.checkpoints.sight import look_around
from trainer.checkpoints.source import FIELD, check_origin, weight_files
from trainer.checkpoints.unshared import copies
from trainer.config.errors import ConfigError
from trainer.engine.stored_weights import read_weights
from trainer.engine.tensors import load_tensors
from trainer.methods.base import Method
from trainer.ranks.world import World
from trainer.runs.origin import Origin, note_taken, origin_of
from trainer.runs.rundir import RunDir

_MOST_SHOWN = 20

Shapes = dict[str, tuple[list[int], list[int] | None]]
"""Of tensors by name, e.g. `generator.stem.weight`: here, and in the origin, None where it has none of that name."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What networks have taken of the weights of an origin."""

    num_taken: int
    """Tensors."""
    num_parameters: int
    """Those of them that are trained; the others are statistics."""
    num_unused: int
    """Tensors of the origin that have no place here, or another shape."""
    averaged: bool
    """Whether they were those of the averaged networks, because the checkpoint was passed on without the others."""
    fresh: Shapes
    """What stays as it was drawn by chance."""


def begin_from_origin(run: RunDir, method: Method, *, world: World, to_console: bool) -> None:
    """Give a method's networks the weights that its run is to begin with, before an engine has them. All ranks call it.

    A run that has checkpoints of its own needs no others' any more.

    Raises:
        ConfigError: what the run began with is gone, damaged or no weights, or nothing of it fits.
    """
    origin = origin_of(run.record())
    if origin is None or world.gather(bool(numbered_folders(run.checkpoints)))[0]:
        return
    stored = _read_on_all(origin, run=run, world=world)
    networks = {name: network for player in method.players.values() for name, network in player.networks.items()}
    averaged = world.gather(world.is_main and _is_averaged(origin.checkpoint))[0]
    taken = take_weights(networks, stored, averaged=averaged)
    if taken.num_parameters == 0:
        remedy = "no tensor of it has the name and the shape of one of this run's. Start without it."
        raise ConfigError(FIELD, str(origin.checkpoint), f"fits nowhere: {remedy}")
    if world.is_main:
        note_taken(run, asdict(taken))
        for line in _report(origin, taken, networks) if to_console else ():
            make_console().print(one_line(line))


def take_weights(networks: Mapping[str, nn.Module], stored: Mapping[str, Tensor], *, averaged: bool = False) -> Taken:
    """Copy what has the same name, shape and kind of numbers into the networks; names begin with a network's."""
    own = {f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()}
    parameters = {f"{name}.{key}" for name, network in networks.items() for key, _ in network.named_parameters()}
    fits = [name for name, value in own.items() if _fits(stored.get(name), value)]
    with torch.no_grad():
        for name in fits:
            own[name].copy_(stored[name])
    return Taken(
        num_taken=len(fits),
        num_parameters=len(parameters.intersection(fits)),
        num_unused=len(stored.keys() - set(fits)),
        averaged=averaged,
        fresh={name: (list(own[name].shape), _shape(stored.get(name))) for name in own if name not in fits},
    )


def _fits(there: Any, here: Tensor) -> bool:
    return (
        isinstance(there, Tensor)
        and there.layout == here.layout
        and there.shape == here.shape
        and (there.dtype == here.dtype or (there.is_floating_point() and here.is_floating_point()))
    )


def _shape(there: Any) -> list[int] | None:
    return list(there.shape) if isinstance(there, Tensor) else None


def _read_on_all(origin: Origin, *, run: RunDir, world: World) -> dict[str, Tensor]:
    """Each rank reads all; what goes wrong on one is an error on all, so that none waits for it."""
    stored: dict[str, Tensor] = {}
    with _agreed(world):
        if world.is_main:
            check_origin(origin)
    place = folder_of(run.checkpoints, origin.position)
    with _nearby(origin, place, world=world) as folder, _agreed(world):
        try:
            stored = _read(folder)
        except DAMAGES as error:
            reason = str(error) or type(error).__name__
            remedy = f"cannot be begun with: {reason}. Give another checkpoint."
            raise ConfigError(FIELD, str(origin.checkpoint), remedy) from error
    return stored


@contextmanager
def _agreed(world: World) -> Iterator[None]:
    """While inside, a ConfigError of one rank becomes one of all, as soon as all have come to the end."""
    fault: ConfigError | None = None
    try:
        yield
    except ConfigError as error:
        fault = error
    faults = world.gather(None if fault is None else (fault.name, fault.value, fault.remedy))
    for found in faults:
        if found is not None:
            raise ConfigError(*found) from fault


@contextmanager
def _nearby(origin: Origin, place: Path, *, world: World) -> Iterator[Path]:
    """Where this rank reads the origin: where the main rank does, or a copy beside `place` if it lacks that there."""
    folder = origin.checkpoint
    digests = world.gather(_digest_of(folder))
    lacking = [rank for rank, digest in enumerate(digests) if digest is None or digest != digests[0]]
    if not lacking:
        yield folder
        return
    sight = look_around(place.parent, world=world)
    names = {STATE_FILE, *weight_files(folder, read_state(folder))} if world.is_main else set()
    wanted = {sight.leaders[rank]: names for rank in lacking}
    with copies(folder, place, wanted=wanted, sight=sight, world=world) as copy:
        yield folder if world.rank not in lacking or copy is None else copy


def _digest_of(folder: Path) -> str | None:
    """Of the state of a checkpoint, and so of all its files, if they are here with their sizes."""
    try:
        state = read_state(folder)
        check_folder(folder, state, names=weight_files(folder, state))
        return hashlib.sha256((folder / STATE_FILE).read_bytes()).hexdigest()
    except (RecordError, ConfigError, OSError):
        return None


def _read(folder: Path) -> dict[str, Tensor]:
    state = read_state(folder)
    names = weight_files(folder, state)
    if names == {EMA_FILE}:
        averaged = load_tensors(folder / EMA_FILE)
        return {f"{name}.{key}": value for name, tensors in averaged.items() for key, value in tensors.items()}
    stored: dict[str, Tensor] = {}
    for player in sorted({name.partition("/")[0] for name in names}):
        stored |= read_weights(folder / player, num_ranks=state.world_size)
    return stored


def _is_averaged(folder: Path) -> bool:
    return weight_files(folder, read_state(folder)) == {EMA_FILE}


def _report(origin: Origin, taken: Taken, networks: Mapping[str, nn.Module]) -> Iterator[str]:
    """What the user should know, in lines."""
    which = "averaged weights (it has no others)" if taken.averaged else "weights"
    total = taken.num_taken + len(taken.fresh)
    taken_of = f"{taken.num_taken} of {counted(total, 'tensor')}, {taken.num_unused} unused"
    yield f"begins with {which} of {origin.checkpoint}: {taken_of}"
    for name in networks:
        own = {key: shapes for key, shapes in taken.fresh.items() if key.partition(".")[0] == name}
        if own and all(there is None for _, there in own.values()):
            yield f"not taken: {counted(len(own), 'tensor')} of {name}, which are not in it"
            continue
        lines = [_describe(key, here, there) for key, (here, there) in own.items()]
        yield from lines[:_MOST_SHOWN]
        if len(lines) > _MOST_SHOWN:
            yield f"not taken: {len(lines) - _MOST_SHOWN} more of {name}; run.json has all"


def _describe(name: str, here: list[int], there: list[int] | None) -> str:
    instead = "not in it" if there is None else f"{_product(there)} in it"
    return f"not taken: {name} is {_product(here)} here, {instead}"


def _product(shape: list[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"
