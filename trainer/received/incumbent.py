"""Generators of pytorch-CycleGAN-and-pix2pix (`*_net_G.pth`): from the names that its files have to ours.

Its networks are our U-Net and ResNet, put together otherwise. Its norms by instance have no weights; convolutions in
front of them have a bias, which such a norm takes away again. Its U-Net joins the skip in front of what comes from
below. Both orders of layers were read from that project's public code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sharding.storage.records import RecordError
from trainer.config.errors import ConfigError
from trainer.config.networks import GeneratorConfig, Norm
from trainer.engine.tensors import load_tensors
from trainer.networks.generator import build_generator

_NUM_HALVINGS = 2
_FIRST_BLOCK = 10
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_MOST_LEVELS = 12
_FIELD = "file"


@dataclass(frozen=True, kw_only=True, eq=False)
class Generator:
    """One network, in our names."""

    config: GeneratorConfig
    in_channels: int
    out_channels: int
    weights: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A layer: where it is there, and here."""

    theirs: str
    ours: str
    is_joined: bool = False
    """Whether its input is the skip and what comes from below, in this order there."""


def read_generator(path: Path, *, dropout: bool) -> Generator:
    """The generator of a file.

    Args:
        dropout: whether a U-Net has dropout, which its file does not tell; a ResNet's does.

    Raises:
        ConfigError: it cannot be read, holds other things than tensors, or no generator of these.
    """
    state = _read(path)
    try:
        config, layers = (_unet if "model.model.0.weight" in state else _resnet)(state, dropout=dropout)
    except (KeyError, ValueError, IndexError) as error:
        known = "unet_128, unet_256, resnet_6blocks, resnet_9blocks"
        reason = f"holds no generator that is known ({known}): {error} is not as there."
        raise ConfigError(_FIELD, str(path), reason) from error
    first, last = state[f"{layers[0].theirs}.weight"], state[f"{layers[-1].theirs}.weight"]
    out_channels = last.shape[1] if config.architecture == "unet" else last.shape[0]
    network = build_generator(config, in_channels=first.shape[1], out_channels=out_channels)
    weights = _translated(state, layers, network, path=path)
    return Generator(config=config, in_channels=first.shape[1], out_channels=out_channels, weights=weights)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state = load_tensors(path)
    except RecordError as error:
        raise ConfigError(_FIELD, str(path), f"{error}.") from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise ConfigError(_FIELD, str(path), "holds no tensors by name; give a *_net_G.pth.")
    return {name.removeprefix("module."): value for name, value in state.items()}


def _unet(state: Mapping[str, Tensor], *, dropout: bool) -> tuple[GeneratorConfig, list[_Pair]]:
    """Levels from the outside in: each holds the next one in its middle."""
    places = ["model.model", "model.model.1.model"]
    while f"{places[-1]}.3.model.1.weight" in state:
        places.append(f"{places[-1]}.3.model")
        if len(places) > _MOST_LEVELS:
            raise ValueError("a U-Net of more than 12 levels")
    num = len(places)
    config = GeneratorConfig(
        num_filters=state["model.model.0.weight"].shape[0],
        num_downs=num,
        norm=_norm(state, conv=f"{places[1]}.1", norm=f"{places[1]}.2"),
        dropout=0.5 if dropout else 0.0,
    )
    layers = [_Pair(theirs="model.model.0", ours="encoder.0.0")]
    for level, place in enumerate(places[1:], start=1):
        layers.append(_Pair(theirs=f"{place}.1", ours=f"encoder.{level}.1"))
        if level < num - 1:
            layers.append(_Pair(theirs=f"{place}.2", ours=f"encoder.{level}.2"))
    for number, place in enumerate(reversed(places[1:])):
        conv, norm = (3, 4) if number == 0 else (5, 6)
        layers.append(_Pair(theirs=f"{place}.{conv}", ours=f"decoder.{number}.1", is_joined=number > 0))
        layers.append(_Pair(theirs=f"{place}.{norm}", ours=f"decoder.{number}.2"))
    layers.append(_Pair(theirs="model.model.3", ours=f"decoder.{num - 1}.1", is_joined=True))
    return config, layers


def _resnet(state: Mapping[str, Tensor], *, dropout: bool) -> tuple[GeneratorConfig, list[_Pair]]:
    """Layers one after the other, with blocks from the eleventh on."""
    blocks = sorted({int(name.split(".")[1]) for name in state if ".conv_block." in name})
    if blocks != list(range(_FIRST_BLOCK, _FIRST_BLOCK + len(blocks))) or not blocks:
        raise ValueError("the place of the residual blocks")
    second = 6 if f"model.{_FIRST_BLOCK}.conv_block.6.weight" in state and _is_conv(state, 6) else 5
    config = GeneratorConfig(
        architecture="resnet",
        num_filters=state["model.1.weight"].shape[0],
        num_blocks=len(blocks),
        norm=_norm(state, conv="model.1", norm="model.2"),
        dropout=0.5 if second == 6 else 0.0,
    )
    return config, list(_resnet_layers(len(blocks), second=second))


def _resnet_layers(num_blocks: int, *, second: int) -> Iterator[_Pair]:
    for stage in range(1 + _NUM_HALVINGS):
        yield _Pair(theirs=f"model.{3 * stage + 1}", ours=f"encoder.{3 * stage}")
        yield _Pair(theirs=f"model.{3 * stage + 2}", ours=f"encoder.{3 * stage + 1}")
    for block in range(num_blocks):
        theirs, ours = f"model.{_FIRST_BLOCK + block}.conv_block", f"blocks.{block}.layers"
        for there, here in ((1, 0), (2, 1), (second, second - 2), (second + 1, second - 1)):
            yield _Pair(theirs=f"{theirs}.{there}", ours=f"{ours}.{here}")
    begin = _FIRST_BLOCK + num_blocks
    for stage in range(_NUM_HALVINGS):
        yield _Pair(theirs=f"model.{begin + 3 * stage}", ours=f"decoder.{3 * stage}")
        yield _Pair(theirs=f"model.{begin + 3 * stage + 1}", ours=f"decoder.{3 * stage + 1}")
    yield _Pair(theirs=f"model.{begin + 3 * _NUM_HALVINGS + 1}", ours=f"decoder.{3 * _NUM_HALVINGS}")


def _is_conv(state: Mapping[str, Tensor], place: int) -> bool:
    return state[f"model.{_FIRST_BLOCK}.conv_block.{place}.weight"].ndim > 1


def _norm(state: Mapping[str, Tensor], *, conv: str, norm: str) -> Norm:
    """Batch norms have weights; convolutions have a bias in front of instance norms alone."""
    if f"{norm}.weight" in state:
        return "batch"
    return "instance" if f"{conv}.bias" in state else "none"


def _translated(
    state: Mapping[str, Tensor], layers: list[_Pair], network: nn.Module, *, path: Path
) -> dict[str, Tensor]:
    """All tensors of our network. Raises ConfigError for one that is missing, of another shape, or left over."""
    wanted, found = network.state_dict(), dict[str, Tensor]()
    for layer in layers:
        for name in (name for name in wanted if name.rpartition(".")[0] == layer.ours):
            found[name] = _tensor(state, layer, name.rpartition(".")[2], like=wanted[name])
    wrong = [name for name in wanted if name not in found or found[name].shape != wanted[name].shape]
    known = {layer.theirs for layer in layers}
    left = [name for name in state if name.rpartition(".")[0] not in known and not name.endswith(_STATISTICS)]
    if wrong or left:
        name = (wrong or left)[0]
        raise ConfigError(_FIELD, str(path), f"holds a generator of other layers than the known ones: {name:.100}.")
    return found


def _tensor(state: Mapping[str, Tensor], layer: _Pair, part: str, *, like: Tensor) -> Tensor:
    given: Any = state.get(f"{layer.theirs}.{part}")
    if given is None:  # an instance norm, or a bias in front of a norm, or at a place where it has none
        return torch.ones_like(like) if part == "weight" else torch.zeros_like(like)
    if layer.is_joined and part == "weight":
        given = torch.cat(given.chunk(2)[::-1])
    return given.to(like.dtype).clone()
