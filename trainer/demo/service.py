"""What the page of a demo asks: what can be set, an example, a translation."""

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
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
from trainer.inference.examples import read_example
from trainer.inference.operation import Operation, choose_operation
from trainer.inference.padding import translate_image
from trainer.inference.plan import Direction
from trainer.inference.translator import Translator
from trainer.inference.work import is_out_of_memory
from trainer.methods.base import Encodes, Relabels, Translates, TranslatesBack, Varies
from trainer.methods.codes import map_codes
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
    kept: tuple[int, ...] = ()
    """Numbers of the picture's own labels, in the order of `further` of the facts; the first value of each that is not
    told."""
    weight: int = 50
    """Of the second of two pictures, in per cent, with methods that go between pictures."""
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

    @property
    def goes_between(self) -> bool:
        """Whether the method has codes, so that there are pictures between two."""
        return isinstance(self.translator.method, Encodes)

    @cached_property
    def labels(self) -> Sequence[str]:
        """Names of the label that is changed; none where the method translates."""
        method, subject = self.translator.method, self.opened.subject
        if isinstance(method, Translates) or not isinstance(method, Relabels):
            return ()
        assert subject.data.label is not None
        return subject.manifest.labels[subject.data.label].names

    @cached_property
    def further(self) -> dict[str, Sequence[str]]:
        """Names of the values of each label that a picture keeps while `labels` change: a face's gender."""
        subject = self.opened.subject
        names = subject.method.further_labels.values() if self.labels else ()
        return {name: subject.manifest.labels[name].names for name in names}

    def facts(self) -> dict[str, Any]:
        """What the page builds itself from."""
        subject, method = self.opened.subject, self.translator.method
        source = self._operation(Asked()).source
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
            "palette": [{"name": name, "color": color} for name, color in self._palette(source)],
            "isClasses": source.content == "classes" or source.renders_classes,
            "labels": list(self.labels),
            "further": [{"name": name, "values": list(values)} for name, values in self.further.items()],
            "goesBetween": self.goes_between,
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
        operation = self._operation(asked)
        with self._computing(asked):
            with _as_file(content) as path:
                pixels = read_picture(path, view=operation.source, classes=self.opened.manifest.classes)
            image = translate_image(operation, from_stored(pixels, operation.source), device=self.device)
        return _png(image)

    def between(self, first: bytes, second: bytes, asked: Asked) -> bytes:
        """Two pictures -> the one whose code lies between theirs, as PNG in 8 bits. Raises UnfitError."""
        if not self.goes_between:
            raise UnfitError("the run has no codes to go between; send one picture")
        with self._computing(asked):
            codes = [self._code(content) for content in (first, second)]
            code = map_codes(partial(torch.lerp, weight=min(asked.weight, 100) / 100), *codes)
            return _png(self.translator.decode(code)[0].float().cpu())

    def _code(self, content: bytes) -> Any:
        with _as_file(content) as path:
            return self.translator.encode(read_example(path, self.opened.subject, device=self.device))

    @contextmanager
    def _computing(self, asked: Asked) -> Iterator[None]:
        """One at a time, with the noise that was asked for. Raises UnfitError where that is the picture's fault."""
        try:
            with self._lock, seeded(asked.seed, "demo", device=self.device):
                yield
        except (UnreadablePictureError, DatasetError, ConfigError) as error:
            raise UnfitError(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise UnfitError("the picture is too large for the memory") from error

    def _operation(self, asked: Asked) -> Operation:
        labels = self.labels
        if labels and not 0 <= asked.label < len(labels):
            raise UnfitError("there is no such label")
        label = labels[asked.label] if labels else None
        operation = choose_operation(
            self.translator, self.opened.subject, direction=asked.direction, label=label, device=self.device
        )
        return operation.keeping(self._kept(asked), device=self.device)

    def _kept(self, asked: Asked) -> dict[str, int]:
        if len(asked.kept) > len(self.further):
            raise UnfitError("there are not so many labels")
        told = [*asked.kept, *[0] * (len(self.further) - len(asked.kept))]
        if any(number >= len(names) for number, names in zip(told, self.further.values(), strict=True)):
            raise UnfitError("there is no such label")
        return dict(zip(self.further, told, strict=True))

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


@contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """A picture that was sent, for those who read files; measured first: a small file may announce a huge picture."""
    with open_picture(io.BytesIO(content), name="the picture", most_pixels=MOST_PIXELS):
        pass
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


def _png(image: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    to_picture(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
