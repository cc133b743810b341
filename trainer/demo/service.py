"""What the page of a demo asks: what can be set, an example, a translation."""

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from sharding.errors import DatasetError
from sharding.format.codec.header import open_picture
from sharding.format.manifest import View
from trainer.config.errors import ConfigError
from trainer.data.randomness import seeded
from trainer.exports.pictures import read_stored
from trainer.inference.operation import Operation, choose_operation
from trainer.inference.plan import Direction
from trainer.inference.translate import is_out_of_memory, translate_image
from trainer.inference.translator import Translator
from trainer.methods.base import Relabels, Translates, TranslatesBack, Varies
from trainer.pictures.files import UnreadablePictureError, read_picture
from trainer.pictures.stored import from_stored
from trainer.pictures.tensors import to_picture
from trainer.runs.opened import OpenRun

MOST_BYTES = 32 * 2**20
"""Of a picture that is sent."""
MOST_PIXELS = 2**22
_MOST_EXAMPLES = 16
_MOST_SIDE = 512
"""Pixels of the sheet that is drawn on."""
_PENCILS = (("black", (0, 0, 0)), ("white", (255, 255, 255)))
_COLOURS = (("red", (200, 40, 40)), ("green", (50, 140, 60)), ("blue", (50, 90, 190)), ("sand", (210, 190, 140)))


class UnfitError(ValueError):
    """What was sent cannot be translated; the message is for the user."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to become of a picture."""

    direction: Direction = "a2b"
    label: int = 0
    """Number of the label that is to be shown, with methods that change it."""
    seed: int = 0
    """Of the method's noise."""


class DemoService:
    """A translator, and what its run says of pictures; one picture at a time.

    Raises:
        ConfigError: the run's method neither translates nor changes labels.
    """

    def __init__(self, opened: OpenRun, translator: Translator, *, position: int, device: torch.device) -> None:
        self.opened, self.translator, self.position, self.device = opened, translator, position, device
        self._lock = Lock()
        self._operation(Asked())

    @cached_property
    def labels(self) -> Sequence[str]:
        """Names of the label that is changed; none where the method translates."""
        method, subject = self.translator.method, self.opened.subject
        if isinstance(method, Translates) or not isinstance(method, Relabels):
            return ()
        if subject.method.further_labels:
            raise ConfigError(
                "method.name", subject.method.name, "takes further labels, for which the page has no place."
            )
        assert subject.data.label is not None
        return subject.manifest.labels[subject.data.label].names

    def facts(self) -> dict[str, Any]:
        """What the page builds itself from."""
        subject, method = self.opened.subject, self.translator.method
        operation = self._operation(Asked())
        height, width = (min(side, _MOST_SIDE) for side in subject.data.crop_shape)
        varies = self.translator.drops or method.translates_by_chance or (isinstance(method, Varies) and method.varies)
        names = {
            "a": subject.data.view_b if subject.pairing == "single" else subject.data.view_a,
            "b": subject.data.view_b,
        }
        return {
            "title": f"{names['a']} → {names['b']}",
            "about": f"{subject.method.name}, trained on {self.position} images",
            "width": width,
            "height": height,
            "directions": ["a2b", "b2a"] if isinstance(method, TranslatesBack) else ["a2b"],
            "views": names,
            "palette": [{"name": name, "color": color} for name, color in self._palette(operation.source)],
            "isClasses": operation.source.content == "classes" or operation.source.renders_classes,
            "labels": list(self.labels),
            "varies": bool(varies),
            "numExamples": len(self._examples("a2b")),
        }

    def example(self, number: int, direction: Direction) -> bytes:
        """A picture of the data set, as PNG. Raises UnfitError if there are not so many."""
        examples = self._examples(direction)
        if not 0 <= number < len(examples):
            raise UnfitError("there is no such example")
        return examples[number]

    def translate(self, content: bytes, asked: Asked) -> bytes:
        """A picture as a file of any kind -> what the run makes of it, as PNG in 8 bits.

        Raises UnfitError.
        """
        try:
            with open_picture(io.BytesIO(content), name="the picture", most_pixels=MOST_PIXELS):
                pass  # before it is decoded: a small file may announce a huge picture
            operation = self._operation(asked)
            with tempfile.NamedTemporaryFile(suffix=".png") as file:
                file.write(content)
                file.flush()
                pixels = read_picture(Path(file.name), view=operation.source, classes=self.opened.manifest.classes)
            with self._lock, seeded(asked.seed, "demo", device=self.device):
                image = translate_image(operation, from_stored(pixels, operation.source), device=self.device)
        except (UnreadablePictureError, DatasetError, ConfigError) as error:
            raise UnfitError(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise UnfitError("the picture is too large for the memory") from error
        return _png(image)

    def _operation(self, asked: Asked) -> Operation:
        labels = self.labels
        if labels and not 0 <= asked.label < len(labels):
            raise UnfitError("there is no such label")
        label = labels[asked.label] if labels else None
        return choose_operation(
            self.translator, self.opened.subject, direction=asked.direction, label=label, device=self.device
        )

    def _palette(self, view: View) -> list[tuple[str, tuple[int, int, int]]]:
        """The classes of what is drawn, else some paints."""
        if view.content == "classes" or view.renders_classes:
            return [(info.name, info.color) for info in self.opened.manifest.classes]
        return [*_PENCILS, *(() if view.channels == 1 else _COLOURS)]

    def _examples(self, direction: Direction) -> list[bytes]:
        if direction not in self._found:
            view = self._operation(Asked(direction=direction)).source
            try:
                planes = read_stored(self.opened, view, num=_MOST_EXAMPLES)
            except (DatasetError, OSError):  # the run was moved without its data: nothing is offered
                planes = []
            low, high = view.decoded_range
            middle, half = (high + low) / 2, (high - low) / 2
            self._found[direction] = [_png(((plane - middle) / half).clamp(-1, 1)) for plane in planes]
        return self._found[direction]

    @cached_property
    def _found(self) -> dict[str, list[bytes]]:
        return {}


def _png(image: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    to_picture(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
