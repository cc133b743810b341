"""What `diptych translate` does to each picture: chosen from what the run's method can do."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from sharding.format.manifest import View
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig
from trainer.data.batch import Batch
from trainer.data.subject import Subject
from trainer.inference.attributes import AttributeVectors
from trainer.inference.examples import read_example
from trainer.inference.plan import Direction, view_names
from trainer.inference.translator import Translator
from trainer.methods.base import Encodes, Relabels, Samples, TakesStyle, Translates, TranslatesBack, Varies
from trainer.pictures.files import UnreadablePictureError
from trainer.ranks.world import lone_world

_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What is done to each picture."""

    apply: Callable[..., Tensor]
    """(1, C, H, W) in [-1, 1] on the device -> likewise, C may differ."""
    source: View
    """What it takes images of, as stored."""
    result: View
    """What it makes images of, as stored."""
    stride: int
    """Pixels: sides of images must be multiples of this."""
    side: int | None
    """Pixels: the only size that it takes, a square; None for any."""

    def keeping(self, labels: Mapping[str, int], *, device: torch.device) -> "Operation":
        """The same on a picture with these labels of its own, which a method keeps while it changes another."""
        kept = {name: torch.tensor([value], device=device) for name, value in labels.items()}
        return replace(self, apply=partial(self.apply, kept=kept)) if kept else self


def choose_operation(
    translator: Translator,
    subject: Subject,
    *,
    direction: Direction,
    label: str | None,
    device: torch.device,
    num: int = 1,
    style: Path | None = None,
) -> Operation:
    """Translation, translation back, or with `label` the same image with another label.

    Args:
        num: how often each image is translated, by chance in another way each time where that is more than 1.
        style: a picture of view b that translations are to look like.

    Raises:
        ConfigError: the method cannot do that, or there is no such label; the message says what works.
        DatasetError: attribute vectors are wanted, and cannot be made.
    """
    data, method = subject.data, subject.method
    source, result = (subject.manifest.views[each] for each in view_names(subject, direction=direction, label=label))
    if label is not None:
        _require_nothing_else(label, direction=direction, num=num, style=style)
        apply = _relabelling(translator, subject, label=label, device=device)
    else:
        _require_translation(translator, method)
        back = direction == "b2a"
        if back and not isinstance(translator.method, TranslatesBack):
            raise ConfigError("direction", direction, f"{name_method(method)} translates from a to b only; use a2b.")
        if style is None:
            apply = _translation(translator, method, back=back, num=num)
        else:
            apply = _styled(translator, subject, style=style, back=back, num=num, device=device)
    return Operation(
        apply=apply,
        source=source,
        result=result,
        stride=method.stride,
        side=min(data.crop_shape) if method.fixed_size else None,
    )


def name_method(method: MethodConfig) -> str:
    """The method as messages call it."""
    return f"method.name = {method.name!r}"


def find_label(name: str, subject: Subject) -> int:
    """The value that `name` stands for. Raises ConfigError with the names that there are."""
    label = subject.data.label
    if label is None:
        raise ConfigError("label", name, "the run was trained with data.label = None; train one with a label.")
    names = subject.manifest.labels[label].names
    if name not in names:
        raise ConfigError("label", name, f"data.label = {label!r} has: {', '.join(names)}.")
    return names.index(name)


def _require_nothing_else(label: str, *, direction: Direction, num: int, style: Path | None) -> None:
    remedy = f"is of no use with label = {label!r}; give one of the two."
    if direction == "b2a":
        raise ConfigError("direction", direction, remedy)
    if num > 1:
        raise ConfigError("num", num, remedy)
    if style is not None:
        raise ConfigError("style", str(style), remedy)


def _translation(translator: Translator, config: MethodConfig, *, back: bool, num: int) -> Callable[[Tensor], Tensor]:
    method = translator.method
    if num > 1 and not (translator.drops or method.translates_by_chance):
        if isinstance(method, Varies) and method.varies and not back:
            return translator.vary
        way = "back " if back else ""
        chance = "only its dropout could, which is off: give --dropout on" if translator.has_dropout else "use 1"
        reason = (
            f"{name_method(config)} translates a picture {way}in one way: nothing there is drawn by chance; {chance}."
        )
        raise ConfigError("num", num, reason)
    return translator.translate_back if back else translator.translate


def _styled(
    translator: Translator, subject: Subject, *, style: Path, back: bool, num: int, device: torch.device
) -> Callable[[Tensor], Tensor]:
    if not isinstance(translator.method, TakesStyle):
        raise ConfigError("style", str(style), f"{name_method(subject.method)} has no code of a style; leave it out.")
    if back:
        raise ConfigError("style", str(style), "is a picture of view b, and b2a makes view a; give one of the two.")
    if num > 1:
        raise ConfigError(
            "num", num, f"is of no use with style = {str(style)!r}, which leaves nothing to chance; use 1."
        )
    try:
        return partial(translator.translate_styled, style=read_example(style, subject, device=device))
    except UnreadablePictureError as error:
        raise ConfigError("style", str(style), f"{error}; give another picture.") from error


def _require_translation(translator: Translator, method: MethodConfig) -> None:
    if isinstance(translator.method, Translates):
        return
    remedy = "give --label, to show them with another one" if isinstance(translator.method, Relabels) else _SAMPLE
    raise ConfigError("method.name", method.name, f"translates no pictures; {remedy}.")


_SAMPLE = "it draws new ones: use `diptych sample`"


def _relabelling(
    translator: Translator, subject: Subject, *, label: str, device: torch.device
) -> Callable[..., Tensor]:
    method = translator.method
    if not isinstance(method, Relabels | Encodes):
        remedy = f"; {_SAMPLE}" if isinstance(method, Samples) else ""
        raise ConfigError("label", label, f"{name_method(subject.method)} changes no label of a picture{remedy}.")
    value = torch.tensor([find_label(label, subject)], device=device)
    if isinstance(method, Relabels):
        return partial(translator.relabel, label=value)

    def training_images() -> Iterator[Batch]:
        from trainer.data.split import split_images  # with DALI, which takes half a second that others need not wait

        return split_images(subject, split="train", world=lone_world(device), batch_size=_AT_ONCE)

    attributes = AttributeVectors(translator, training_images)
    return lambda image: attributes.add(image, value)
