"""What `diptych translate` does to each picture: chosen from what the run's method can do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sharding.format.manifest import Manifest, View
from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.data.split import split_images
from trainer.inference.attributes import AttributeVectors
from trainer.inference.plan import Direction, result_view
from trainer.inference.translator import Translator
from trainer.methods.base import Encodes, Relabels, Samples, Translates, TranslatesBack
from trainer.ranks.world import lone_world
from trainer.runs.config import RunConfig

_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What is done to each picture."""

    apply: Callable[[Tensor], Tensor]
    """(1, C, H, W) in [-1, 1] on the device -> likewise, C may differ."""
    source: View
    """What it takes images of, as stored."""
    result: View
    """What it makes images of, as stored."""
    stride: int
    """Pixels: sides of images must be multiples of this."""
    side: int | None
    """Pixels: the only size that it takes, a square; None for any."""


def choose_operation(
    translator: Translator,
    *,
    config: RunConfig,
    manifest: Manifest,
    direction: Direction,
    label: str | None,
    device: torch.device,
) -> Operation:
    """Translation, translation back, or with `label` the same image with another label.

    Raises:
        ConfigError: the method cannot do that, or there is no such label; the message says what works.
        DatasetError: attribute vectors are wanted, and cannot be made.
    """
    data = config.data
    source = view_b = manifest.views[data.view_b]
    if label is not None:
        _require_no_way_back(direction, label)
        apply = _relabelling(translator, config=config, manifest=manifest, label=label, device=device)
    elif direction == "b2a":
        _require_translation(translator, config)
        if not isinstance(translator.method, TranslatesBack):
            raise ConfigError("direction", direction, f"{name_method(config)} translates from a to b only; use a2b.")
        apply = translator.translate_back
    else:
        _require_translation(translator, config)
        apply = translator.translate
        source = view_b if config.method.pairing == "single" else manifest.views[data.view_a]
    return Operation(
        apply=apply,
        source=source,
        result=result_view(config, manifest, direction=direction),
        stride=config.method.stride,
        side=min(data.crop_shape) if config.method.fixed_size else None,
    )


def name_method(config: RunConfig) -> str:
    """The method as messages call it."""
    return f"method.name = {config.method.name!r}"


def find_label(name: str, *, config: RunConfig, manifest: Manifest) -> int:
    """The value that `name` stands for. Raises ConfigError with the names that there are."""
    if config.data.label is None:
        raise ConfigError("label", name, "the run was trained with data.label = None; train one with a label.")
    names = manifest.labels[config.data.label].names
    if name not in names:
        raise ConfigError("label", name, f"data.label = {config.data.label!r} has: {', '.join(names)}.")
    return names.index(name)


def _require_no_way_back(direction: Direction, label: str) -> None:
    if direction == "b2a":
        raise ConfigError("direction", direction, f"is of no use with label = {label!r}; give one of the two.")


def _require_translation(translator: Translator, config: RunConfig) -> None:
    if isinstance(translator.method, Translates):
        return
    remedy = "give --label, to show them with another one" if isinstance(translator.method, Relabels) else _SAMPLE
    raise ConfigError("method.name", config.method.name, f"translates no pictures; {remedy}.")


_SAMPLE = "it draws new ones: use `diptych sample`"


def _relabelling(
    translator: Translator, *, config: RunConfig, manifest: Manifest, label: str, device: torch.device
) -> Callable[[Tensor], Tensor]:
    method = translator.method
    if not isinstance(method, Relabels | Encodes):
        remedy = f"; {_SAMPLE}" if isinstance(method, Samples) else ""
        raise ConfigError("label", label, f"{name_method(config)} changes no label of a picture{remedy}.")
    value = torch.tensor([find_label(label, config=config, manifest=manifest)], device=device)
    if isinstance(method, Relabels):
        return lambda image: translator.relabel(image, value)

    def training_images() -> Iterator[Batch]:
        return split_images(
            config.data,
            manifest,
            split="train",
            world=lone_world(device),
            batch_size=_AT_ONCE,
            pairing=config.method.pairing,
        )

    attributes = AttributeVectors(translator, training_images)
    return lambda image: attributes.add(image, value)
