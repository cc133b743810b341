"""What is done to the sources of a call, and told of them."""

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sharding.storage.files import write_atomically
from trainer.inference.events import Begun, Done, Failed, Tell, Translated, Written
from trainer.inference.media.job import Job, Made
from trainer.inference.operation import Operation
from trainer.inference.padding import translate_image, translate_images
from trainer.inference.sources import Source, read_source
from trainer.inference.together import Picture
from trainer.pictures.files import UnreadablePictureError
from trainer.pictures.stored import encode_result, from_stored, share_beyond


@dataclass(frozen=True, kw_only=True)
class Work:
    """See `Steps` for plain pictures of which one translation is made."""

    operation: Operation
    job: Job
    noise: Callable[[Path], AbstractContextManager[None]]
    """Of a target."""
    noises: Callable[[Sequence[Path]], AbstractContextManager[None]]
    """Of several, whose pictures pass together."""
    tell: Tell

    def do(self, source: Source, targets: Sequence[Path], *, own: Mapping[str, int]) -> None:
        """Write all that becomes of one source, by itself. Args: own: the picture's own labels."""
        self.tell(Begun(source=source))
        with self._noting(source):
            operation = self.operation.keeping(own, device=self.job.device)
            translate = self._by_job if self.job.takes(source) else self._by_itself
            made = translate(source, targets, operation)
            self.tell(Translated(source=source, pixels=made.pixels, beyond=made.beyond, note=made.note))
        self.tell(Done(source=source))

    def _by_itself(self, source: Source, targets: Sequence[Path], operation: Operation) -> Made:
        pixels = read_source(source, view=operation.source, classes=self.job.classes)
        image = from_stored(pixels, operation.source)
        num_pixels = 0
        for target in targets:
            with self.noise(target):
                translated = translate_image(operation, image, device=self.job.device)
            self._write(target, translated)
            num_pixels += translated[0].numel()
        return Made(pixels=num_pixels, beyond=share_beyond(pixels, operation.source))

    def _by_job(self, source: Source, targets: Sequence[Path], operation: Operation) -> Made:
        """The same of what is more than a plain picture, or not treated as one."""
        all_made: list[Made] = []
        for made in self.job.sets(targets):
            with self.noise(made[0]), _writing(made[0]):
                made[0].parent.mkdir(parents=True, exist_ok=True)
                all_made.append(self.job.write(source, made, operation=operation))
            self.tell(Written(targets=tuple(made)))
        last = all_made[-1]
        return Made(pixels=sum(made.pixels for made in all_made), beyond=last.beyond, note=last.note)

    def read(self, source: Source, target: Path) -> Picture | None:
        with self._noting(source):
            pixels = read_source(source, view=self.operation.source, classes=self.job.classes)
            image, beyond = from_stored(pixels, self.operation.source), share_beyond(pixels, self.operation.source)
            return Picture(source=source, target=target, image=image, beyond=beyond)
        self.tell(Done(source=source))
        return None

    def translate(self, pictures: list[Picture]) -> list[Tensor | None]:
        self.tell(Begun(source=pictures[0].source))
        try:
            with self.noises([each.target for each in pictures]):
                return [*translate_images(self.operation, [each.image for each in pictures], device=self.job.device)]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(pictures) == 1:
                self.tell(Failed(source=pictures[0].source, reason=self._too_large))
                return [None]
        return [found for picture in pictures for found in self.translate([picture])]

    def write(self, pictures: list[Picture], translated: list[Tensor | None]) -> None:
        for picture, image in zip(pictures, translated, strict=True):
            if image is not None:
                with self._noting(picture.source):
                    self._write(picture.target, image)
                    num_pixels = image[0].numel()
                    self.tell(Translated(source=picture.source, pixels=num_pixels, beyond=picture.beyond))
            self.tell(Done(source=picture.source))

    def _write(self, target: Path, translated: Tensor) -> None:
        """Raises UnreadablePictureError for a name no file can have, OSError for what concerns other files too."""
        content = encode_result(translated, view=self.operation.result, classes=self.job.classes)
        with _writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, content)
        self.tell(Written(targets=(target,)))

    @contextmanager
    def _noting(self, source: Source) -> Iterator[None]:
        """A fault of this source alone is told; any other says where it happened."""
        try:
            yield
        except UnreadablePictureError as error:
            self.tell(Failed(source=source, reason=str(error)))
        except Exception as error:
            if not is_out_of_memory(error):
                error.add_note(f"while {source} was translated")
                raise
            self.tell(Failed(source=source, reason=self._too_large))

    @property
    def _too_large(self) -> str:
        kind = self.job.device.type
        return f"is too large for the memory of {kind}; {_REMEDIES[kind]}"


_REMEDIES = {"cpu": "give --tile 512", "cuda": "give --tile 512, or --device cpu"}


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was asked for and there was none: on the CPU, torch raises an error of no kind of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UnreadablePictureError(f"would become {target.name}, which is too long a name") from error
        raise OSError(
            error.errno,
            f"could not write {target}: {error.strerror}. The pictures before it are whole; make room there, "
            "then give the same command again.",
        ) from error
