"""What one process of `diptych translate` does: its own networks, and its share of the sources."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from trainer.data.randomness import derive_seed, seeded
from trainer.inference.events import Tell
from trainer.inference.manner import PLAIN, Manner
from trainer.inference.media.job import Job, check_tiling
from trainer.inference.operation import choose_operation
from trainer.inference.plan import Direction
from trainer.inference.sources import Source
from trainer.inference.together import AT_ONCE, translate_together
from trainer.inference.translator import load_translator
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.inference.work import Work
from trainer.runs.opened import OpenRun

_LEAST_BLOCKS = 8


@dataclass(frozen=True, kw_only=True)
class Call:
    """How sources are translated in one call: what each of its processes is told. It can be pickled."""

    opened: OpenRun
    destination: Path
    """Where results go; noise follows from a result's name below it."""
    checkpoint: Path | None = None
    direction: Direction = "a2b"
    label: str | None = None
    num: int = 1
    style: Path | None = None
    seed: int = 0
    usage: Usage = AS_THE_METHOD
    manner: Manner = PLAIN


@dataclass(frozen=True, kw_only=True)
class Item:
    """One source."""

    source: Source
    targets: Sequence[Path]
    own: Mapping[str, int] = field(default_factory=dict)
    """Numbers of its own labels that the method keeps."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What is to be done, in the units in which processes take it."""

    together: Sequence[Sequence[Item]] = ()
    """Plain pictures: of each block those of one size may pass through the networks together."""
    alone: Sequence[Item] = ()

    def of(self, number: int, count: int) -> "Shares":
        """The share of process `number` of `count`: by position, so the same each time."""
        return Shares(together=self.together[number::count], alone=self.alone[number::count])

    def __len__(self) -> int:
        return sum(map(len, self.together)) + len(self.alone)


def share_out(items: Sequence[Item], *, is_plain: Sequence[bool], wanted: set[Source]) -> Shares:
    """Blocks follow from all sources of a call, not from what is left to do nor from the number of processes: what
    passes through the networks together does not depend on it.

    Args:
        is_plain: whether each is a picture that may pass with others.
        wanted: the sources that are to be translated now.
    """
    plain = [item for item, plainly in zip(items, is_plain, strict=True) if plainly]
    size = max(1, min(AT_ONCE, -(-len(plain) // _LEAST_BLOCKS)))
    blocks = [plain[start : start + size] for start in range(0, len(plain), size)]
    chosen = [[item for item in block if item.source in wanted] for block in blocks]
    others = [item for item, plainly in zip(items, is_plain, strict=True) if not plainly]
    return Shares(together=[block for block in chosen if block], alone=[i for i in others if i.source in wanted])


class Translating:
    """A process that is ready to translate: networks are loaded, and can do what is asked.

    Raises:
        ConfigError, DatasetError: see `load_translator` and `choose_operation`.
    """

    def __init__(self, call: Call, *, device: torch.device, quiet: bool = False) -> None:
        subject, manner = call.opened.subject, call.manner
        translator, self.position = load_translator(
            call.opened, device=device, checkpoint=call.checkpoint, usage=call.usage, quiet=quiet
        )
        self._operation = choose_operation(
            translator,
            subject,
            direction=call.direction,
            label=call.label,
            device=device,
            num=manner.num_drawn(call.num),
            style=call.style,
        )
        check_tiling(self._operation, manner, label=call.label, method=subject.method.name)
        self._job = Job(networks=translator.modules, manner=manner, classes=subject.manifest.classes, device=device)
        self._most = AT_ONCE if translator.takes_images_apart and call.label is None and call.style is None else 1
        self._seed = partial(_seed_of, seed=call.seed, destination=call.destination)
        self._translator, self._device = translator, device

    def work(self, shares: Shares, tell: Tell) -> None:
        """Translate all. Raises OSError if a result cannot be written; those before it are whole."""
        work = Work(operation=self._operation, job=self._job, noise=self._noise, noises=self._noises, tell=tell)
        blocks = [{item.source: item.targets[0] for item in block} for block in shares.together]
        translate_together(blocks, work, most=self._most)
        for item in shares.alone:
            work.do(item.source, item.targets, own=item.own)

    def _noise(self, target: Path) -> AbstractContextManager[None]:
        return seeded(*self._seed(target), device=self._device)

    @contextmanager
    def _noises(self, targets: Sequence[Path]) -> Iterator[None]:
        """Of one picture that passes by itself, as it must where the method draws, the method's own, too."""
        seeds = [derive_seed(*self._seed(target)) for target in targets]
        with self._noise(targets[0]), self._translator.images_apart(seeds, device=self._device):
            yield


def _seed_of(target: Path, *, seed: int, destination: Path) -> tuple[int | str, ...]:
    return seed, "translate", target.relative_to(destination).as_posix()


def usable_cores() -> int:
    """That this process may run on."""
    return len(os.sched_getaffinity(0))
