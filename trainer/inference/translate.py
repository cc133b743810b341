"""Translates folders of pictures of any size with a trained run."""

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from sharding.console import PlainConsole
from sharding.storage.files import write_atomically
from trainer.data.randomness import seeded
from trainer.inference.journal import Journal
from trainer.inference.manner import PLAIN, Manner
from trainer.inference.media.job import Job, check_tiling
from trainer.inference.operation import Operation, choose_operation
from trainer.inference.own_labels import OwnLabels, own_numbers
from trainer.inference.padding import translate_image, translate_images
from trainer.inference.plan import Direction, plan_translation, result_view
from trainer.inference.result import TranslationResult, progress_bar
from trainer.inference.together import AT_ONCE, Picture, is_of_each_image, translate_together
from trainer.inference.translator import load_translator
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.pictures.files import UnreadablePictureError, read_picture
from trainer.pictures.kinds import result_suffix
from trainer.pictures.stored import encode_result, from_stored, share_beyond
from trainer.runs.opened import OpenRun


def translate_folder(
    opened: OpenRun,
    *,
    source: Path,
    destination: Path,
    device: torch.device,
    checkpoint: Path | None = None,
    direction: Direction = "a2b",
    label: str | None = None,
    own_labels: OwnLabels | None = None,
    num: int = 1,
    style: Path | None = None,
    seed: int = 0,
    usage: Usage = AS_THE_METHOD,
    manner: Manner = PLAIN,
    overwrite: bool = False,
    journal: Journal | None = None,
    console: PlainConsole,
) -> TranslationResult:
    """Translate each picture in `source` with a run's newest (or the given) checkpoint, to files of the target view.

    Sub-folders and names are kept; type, channels and range of values are the target view's, and `result_suffix` tells
    the kind of file. A picture that fails is noted in the result; the others are translated.
    Noise of the method follows from the seed and the result's relative name.

    Args:
        direction: `b2a` with methods that translate both ways.
        label: name of the label that the pictures are to show, with methods that can change it.
        own_labels: what tells those labels of a picture that the method keeps meanwhile.
        num: variations of each picture, with methods that have any.
        style: a picture of view b that translations are to look like, with methods that can.
        journal: of `destination`: what an earlier call has made is not made again.
        manner: by tiles or whole, once or to see how sure a translation is.

    Raises:
        ConfigError: see `load_translator`, `plan_translation` and `choose_operation`.
        OSError: a result cannot be written; those before it are whole.
    """
    subject = opened.subject
    suffix = result_suffix(result_view(subject, direction=direction))
    plan = plan_translation(
        source, destination, suffix=suffix, overwrite=overwrite, num=num, manner=manner, journal=journal
    )
    translator, position = load_translator(opened, device=device, checkpoint=checkpoint, usage=usage)
    operation = choose_operation(
        translator, subject, direction=direction, label=label, device=device, num=manner.num_drawn(num), style=style
    )
    check_tiling(operation, manner, label=label, method=subject.method.name)
    networks = [translator.networks.module(name) for name in translator.networks]
    job = Job(networks=networks, manner=manner, classes=subject.manifest.classes, device=device)
    result = TranslationResult(position=position, failed=dict(plan.failed), others=plan.others, hidden=plan.hidden)
    targets = plan.targets if journal is None else journal.begin(plan.targets, position=position)
    result.kept.extend(plan.targets.keys() - targets.keys())
    noise = partial(_noise_of, seed=seed, destination=destination, device=device)
    plain = {file: made[0] for file, made in targets.items() if num == 1 and not job.takes(file)}
    plain = {} if own_labels is not None else plain
    with progress_bar(console) as progress:
        bar = progress.add_task("translating", total=len(targets))
        tell = partial(progress.advance, bar)
        work = Work(operation=operation, job=job, noise=noise, result=result, journal=journal, tell=tell)
        is_free = is_of_each_image(translator) and label is None and style is None
        translate_together(plain, work, most=AT_ONCE if is_free else 1)
        for file, made in targets.items():
            if file not in plain:
                own = partial(own_numbers, file, subject, own_labels) if own_labels is not None else dict
                work.do(file, made, own=own)
    return result


def _noise_of(target: Path, *, seed: int, destination: Path, device: torch.device) -> AbstractContextManager[None]:
    return seeded(seed, "translate", target.relative_to(destination).as_posix(), device=device)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is done to files, and noted of them. See `Steps` for plain pictures of which one translation is made."""

    operation: Operation
    job: Job
    noise: Callable[[Path], AbstractContextManager[None]]
    """Of a target."""
    result: TranslationResult
    journal: Journal | None
    tell: Callable[[], object]
    """Hears of each file that is done."""

    def do(self, file: Path, targets: list[Path], *, own: Callable[[], Mapping[str, int]]) -> None:
        """Write all that becomes of one file, by itself. Args: own: the picture's own labels."""
        with self._noting(file):
            operation = self.operation.keeping(own(), device=self.job.device)
            translate = self._by_job if self.job.takes(file) else self._by_itself
            self._note_beyond(file, translate(file, targets, operation))
        self.tell()

    def _by_itself(self, file: Path, targets: list[Path], operation: Operation) -> float:
        """How many of the file's values lay beyond the view's range, of 1."""
        pixels = read_picture(file, view=operation.source, classes=self.job.classes)
        image = from_stored(pixels, operation.source)
        for target in targets:
            with self.noise(target):
                translated = translate_image(operation, image, device=self.job.device)
            self._write(target, translated)
        return share_beyond(pixels, operation.source)

    def _by_job(self, file: Path, targets: list[Path], operation: Operation) -> float:
        """The same of what is more than a plain picture, or not treated as one."""
        beyond = 0.0
        for made in self.job.sets(targets):
            with self.noise(made[0]), _writing(made[0]):
                made[0].parent.mkdir(parents=True, exist_ok=True)
                beyond = self.job.write(file, made, operation=operation)
            self._note_written(made)
        return beyond

    def read(self, file: Path, target: Path) -> Picture | None:
        with self._noting(file):
            pixels = read_picture(file, view=self.operation.source, classes=self.job.classes)
            image, beyond = from_stored(pixels, self.operation.source), share_beyond(pixels, self.operation.source)
            return Picture(file=file, target=target, image=image, beyond=beyond)
        self.tell()
        return None

    def translate(self, pictures: list[Picture]) -> list[Tensor | None]:
        try:
            with self.noise(pictures[0].target):
                return [*translate_images(self.operation, [each.image for each in pictures], device=self.job.device)]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(pictures) == 1:
                self.result.failed[pictures[0].file] = self._too_large
                return [None]
        return [found for picture in pictures for found in self.translate([picture])]

    def write(self, pictures: list[Picture], translated: list[Tensor | None]) -> None:
        for picture, image in zip(pictures, translated, strict=True):
            if image is not None:
                with self._noting(picture.file):
                    self._write(picture.target, image)
                    self._note_beyond(picture.file, picture.beyond)
            self.tell()

    def _write(self, target: Path, translated: Tensor) -> None:
        _write(target, encode_result(translated, view=self.operation.result, classes=self.job.classes))
        self._note_written([target])

    def _note_written(self, targets: Sequence[Path]) -> None:
        """Of one translation; the first is the picture."""
        self.result.written.append(targets[0])
        if self.journal is not None:
            self.journal.add(targets, position=self.result.position)

    def _note_beyond(self, file: Path, beyond: float) -> None:
        if beyond:
            self.result.cut[file] = beyond

    @contextmanager
    def _noting(self, file: Path) -> Iterator[None]:
        """A fault of this file alone is noted."""
        try:
            yield
        except UnreadablePictureError as error:
            self.result.failed[file] = str(error)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self.result.failed[file] = self._too_large

    @property
    def _too_large(self) -> str:
        kind = self.job.device.type
        return f"is too large for the memory of {kind}; {_REMEDIES[kind]}"


_REMEDIES = {"cpu": "give --tile 512", "cuda": "give --tile 512, or --device cpu"}


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was asked for and there was none: on the CPU, torch raises an error of no kind of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _write(target: Path, content: bytes) -> None:
    """Raises UnreadablePictureError for a name that no file can have, OSError for all that concerns other files too."""
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)


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
