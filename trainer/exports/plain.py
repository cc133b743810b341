"""A run's translation as one module without anything of Diptych's around it: stored values in, stored values out."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from sharding.format.manifest import View
from trainer.config.errors import ConfigError
from trainer.exports.norms import simplify
from trainer.inference.operation import choose_operation, name_method
from trainer.inference.plan import Direction
from trainer.inference.translator import Translator, load_translator
from trainer.methods.base import Method, Networks, Relabels, Translates, TranslatesBack
from trainer.runs.opened import OpenRun

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a translation takes and gives."""

    source: View
    result: View
    stride: int
    """Pixels: both sides are multiples of this."""
    smallest: int
    """Pixels of a side, at least."""
    trained_side: tuple[int, int]
    """Height and width of what the networks learnt on, in pixels."""
    is_fixed: bool
    """Whether they take that size only."""
    channels: int
    """Of the source, as networks see it."""
    labels: tuple[str, ...] = ()
    """Values of the label that is to be shown, in the order of their numbers; none where it takes no label."""


class PlainTranslation(nn.Module):
    """What `diptych translate --dropout off` does, for pictures of one size side by side.

    Shape: float32 (N, C, H, W) in the values that the source's files hold (`Inputs.source.decoded_range`, e.g. 0..255),
    and where there are labels int64 (N,) -> float32 (N, C', H, W) in the values of the result's files, not rounded.
    """

    def __init__(
        self, method: Method, networks: Mapping[str, nn.Module], inputs: Inputs, *, direction: Direction
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)
        self.inputs, self._method = inputs, method
        self._direction: Direction = direction

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        middle, half = _scale(self.inputs.source)
        scaled = ((image - middle) / half).clamp(-1, 1)
        middle, half = _scale(self.inputs.result)
        return self._translated(scaled, label).clamp(-1, 1) * half + middle

    def _translated(self, image: Tensor, label: Tensor | None) -> Tensor:
        modules = dict(self.networks.items())
        networks, method = Networks(modules, modules), self._method
        if label is not None:
            assert isinstance(method, Relabels)
            return method.relabel(networks, image, label)
        if self._direction == "b2a":
            assert isinstance(method, TranslatesBack)
            return method.translate_back(networks, image)
        assert isinstance(method, Translates)
        return method.translate(networks, image)

    def example(self, *, batch: int, height: int, width: int) -> tuple[Tensor, ...]:
        """Inputs of a size, all in the middle of their values."""
        middle, _ = _scale(self.inputs.source)
        image = torch.full((batch, self.inputs.channels, height, width), middle)
        return (image, torch.zeros(batch, dtype=torch.int64)) if self.inputs.labels else (image,)

    def simplified(self) -> "PlainTranslation":
        """The same in operations that every exporter knows."""
        networks = {name: deepcopy(network) for name, network in self.networks.items()}
        for network in networks.values():
            simplify(network)
        return PlainTranslation(self._method, networks, self.inputs, direction=self._direction).requires_grad_(False)


def _scale(view: View) -> tuple[float, float]:
    """The middle of a view's values, and how far from it their ends are."""
    low, high = view.decoded_range
    return (high + low) / 2, (high - low) / 2


def load_plain(
    opened: OpenRun, *, checkpoint: Path | None = None, direction: Direction = "a2b"
) -> tuple[PlainTranslation, int]:
    """The translation of a run's newest (or the given) checkpoint, and its position in images.

    In float32, whatever the run was trained in; dropout is off, so that a picture has one translation.

    Raises:
        ConfigError: see `load_translator`; or the method translates nothing, or not by a plain pass.
    """
    exact = replace(opened, config=replace(opened.config, engine=replace(opened.config.engine, precision="fp32")))
    translator, position = load_translator(exact, device=CPU, checkpoint=checkpoint)
    inputs = _inputs(translator, opened, direction=direction)
    networks = {name: translator.networks.module(name).requires_grad_(False) for name in translator.networks}
    for network in networks.values():
        for layer in network.modules():
            if isinstance(layer, _DropoutNd):
                layer.eval()
    plain = PlainTranslation(translator.method, networks, inputs, direction=direction)
    plain.inputs = replace(inputs, smallest=_smallest(plain))
    return plain, position


@torch.no_grad()
def _smallest(plain: PlainTranslation) -> int:
    """The first multiple of the stride that the networks take: norms and reflected edges need some pixels."""
    inputs = plain.inputs
    for side in range(inputs.smallest, max(inputs.trained_side) + 1, inputs.stride):
        try:
            plain(*plain.example(batch=1, height=side, width=side))
        except (RuntimeError, ValueError):
            continue
        return side
    return min(inputs.trained_side)


def _inputs(translator: Translator, opened: OpenRun, *, direction: Direction) -> Inputs:
    subject, method = opened.subject, opened.config.method
    labels: tuple[str, ...] = ()
    views = subject.manifest.views
    source = result = views[subject.data.view_b]
    if isinstance(translator.method, Relabels) and not isinstance(translator.method, Translates):
        if method.further_labels:
            remedy = f"takes further labels of each picture ({', '.join(method.further_labels.values())})"
            raise ConfigError("method.name", method.name, f"{remedy}, which no exported file has a place for yet.")
        assert subject.data.label is not None
        labels = tuple(subject.manifest.labels[subject.data.label].names)
    else:
        operation = choose_operation(translator, subject, direction=direction, label=None, device=CPU)
        source, result = operation.source, operation.result
    if translator.method.translates_by_chance:
        remedy = f"{name_method(method)} searches for each translation by chance: it is no pass through a network."
        raise ConfigError("method.name", method.name, f"cannot be exported: {remedy} Use `diptych translate`.")
    side = (min(subject.data.crop_shape),) * 2 if method.fixed_size else subject.data.crop_shape
    return Inputs(
        source=source,
        result=result,
        stride=method.stride,
        smallest=side[0] if method.fixed_size else method.stride,
        trained_side=(side[0], side[1]),
        is_fixed=method.fixed_size,
        channels=3 if source.content == "classes" else source.channels,
        labels=labels,
    )
