"""Collects what samples showed, as they come, in bounded memory."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sharding.examining.found import MOST_NAMES
from sharding.examining.picture import SampleSeen
from sharding.examining.records import PAIR, PICTURE, make_table
from sharding.examining.samples import Names, Part
from sharding.format.manifest import Manifest
from sharding.work.seen import Seen

Form = tuple[int, int, float]
"""Height, width and scale of pictures that were aligned."""
_MOST_FORMS = 4
"""Sizes whose spectra are added up: sets of untouched files may have as many as samples."""


class Collected:
    """One table for each view and one for each pair of views; classes, labels and spectra are added up.

    Args:
        folder: a temporary one.
        parts: all that will be looked at, in order.
    """

    def __init__(self, folder: Path, manifest: Manifest, parts: Sequence[Part]) -> None:
        self._parts = {view: [part for part in parts if view in part.views] for view in manifest.views}
        self.names = {view: Names(own) for view, own in self._parts.items()}
        number = {view: len(names) for view, names in self.names.items()}
        self.tables = {
            view: make_table(folder, f"{place}.pictures", kind=PICTURE, number=number[view])
            for place, view in enumerate(manifest.views)
        }
        self.first, *others = manifest.views
        self.pairs: dict[str, np.ndarray] = {}
        if manifest.kind == "paired":
            for place, view in enumerate(others):
                self.pairs[view] = make_table(folder, f"{place}.pairs", kind=PAIR, number=number[view])
        self.spectra: dict[str, dict[Form, tuple[int, np.ndarray]]] = defaultdict(dict)
        self.seen: dict[str, Seen] = {}
        self.class_pictures: dict[str, Counter[int]] = defaultdict(Counter)
        self.labels: dict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
        self.unreadable: list[tuple[str, str]] = []
        self.num_unreadable = 0
        self.num_looked = 0
        self.is_interrupted = False
        self._next: Counter[str] = Counter()

    def splits_of(self, view: str) -> np.ndarray:
        """(N,) of each row of a view's table the number of its split, in the order of the manifest."""
        return np.concatenate(
            [np.full(len(part.places), self._split_numbers[part.split], np.int16) for part in self._parts[view]]
        )

    @property
    def _split_numbers(self) -> dict[str, int]:
        splits = dict.fromkeys(part.split for parts in self._parts.values() for part in parts)
        return {split: number for number, split in enumerate(splits)}

    @property
    def splits(self) -> list[str]:
        """Those that have samples."""
        return list(self._split_numbers)

    def add(self, part: Part, sample: SampleSeen, *, labels: tuple[int, ...], key: str) -> None:
        """The next sample, in the order of the parts."""
        self.num_looked += 1
        for view in part.views:
            row = self._next[view]
            self._next[view] += 1
            if view in sample.pictures:
                self.tables[view][row] = sample.pictures[view]
            if view in sample.pairs:
                self.pairs[view][row] = sample.pairs[view]
        if sample.problem:
            self.num_unreadable += 1
            if len(self.unreadable) < MOST_NAMES:
                self.unreadable.append((f"{part.split}/{key}", sample.problem))
            return
        self.labels[part.split][labels] += 1
        for view, seen in sample.seen.items():
            self.seen[view] = self.seen[view].with_more(seen) if view in self.seen else seen
            self.class_pictures[view].update(np.flatnonzero(seen.classes).tolist())
        for view, (form, spectrum) in sample.spectra.items():
            self._add_spectrum(view, form, spectrum)

    def _add_spectrum(self, view: str, form: Form, spectrum: np.ndarray) -> None:
        known = self.spectra[view]
        if form in known:
            number, total = known[form]
            total += spectrum
            known[form] = number + 1, total
        elif len(known) < _MOST_FORMS:
            known[form] = 1, spectrum
