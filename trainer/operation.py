"""What `diptych translate` does to each picture: chosen from what the run's method can do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sharding.manifest import Manifest
from trainer.attributes import AttributeVectors
from trainer.config import ConfigError, RunConfig
from trainer.data.batch import Batch
from trainer.methods.base import Encodes, Relabels, Translates, TranslatesBack
from trainer.split_images import split_images
from trainer.translator import Translator
from trainer.world import lone_world

Direction = Literal["a2b", "b2a"]
_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Operation:
    """From picture to picture."""

    apply: Callable[[Tensor], Tensor]
    """(1, C, H, W) in [-1, 1] on the device -> likewise, C may differ."""
    channels: int
    """Of the pictures that it takes."""
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
    """
    method, data = translator.method, config.data
    is_single = config.method.pairing == "single"
    channels_b = manifest.views[data.view_b].channels
    channels_a = channels_b if is_single else manifest.views[data.view_a].channels
    if label is not None:
        apply = _labelling(translator, config=config, manifest=manifest, label=label, device=device)
        channels = channels_b
    elif direction == "b2a":
        _require_ability(isinstance(method, TranslatesBack), config, "direction", direction, "translates a to b only.")
        apply, channels = translator.translate_back, channels_b
    else:
        remedy = "translates no pictures"
        remedy += "; give --label to show them with another label." if isinstance(method, Relabels) else _SAMPLE
        _require_ability(isinstance(method, Translates), config, "run", "", remedy)
        apply, channels = translator.translate, channels_a
    side = data.crop_size if config.method.fixed_size else None
    return Operation(apply=apply, channels=channels, stride=config.method.stride, side=side)


_SAMPLE = "; it draws them: use `diptych sample`."


def _require_ability(able: bool, config: RunConfig, name: str, value: object, remedy: str) -> None:
    if not able:
        raise ConfigError(name, value or config.method.name, f"method {config.method.name!r} {remedy}")


def find_label(name: str, *, config: RunConfig, manifest: Manifest) -> int:
    """The value that `name` stands for. Raises ConfigError with the names that there are."""
    if config.data.label is None:
        raise ConfigError("label", name, "this run was trained without labels.")
    names = manifest.labels[config.data.label].names
    if name not in names:
        raise ConfigError("label", name, f"label {config.data.label!r} has: {', '.join(names)}.")
    return names.index(name)


def _labelling(
    translator: Translator, *, config: RunConfig, manifest: Manifest, label: str, device: torch.device
) -> Callable[[Tensor], Tensor]:
    value = torch.tensor([find_label(label, config=config, manifest=manifest)], device=device)
    if isinstance(translator.method, Relabels):
        return lambda image: translator.relabel(image, value)
    able = isinstance(translator.method, Encodes)
    _require_ability(able, config, "label", label, "cannot change labels of pictures" + _SAMPLE)

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
