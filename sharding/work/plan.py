"""What passes from a source to the writer: a plan of samples that can be encoded in any order, and each sample."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sharding.format.manifest import LABELS_EXTENSION, ClassInfo, LabelInfo, View
from sharding.work.crew import Crew
from sharding.work.problems import Problems
from sharding.work.seen import Seen

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample as it stands in a tar: the members `<key>.<extension>`."""

    key: str
    split: str
    members: Mapping[str, bytes]
    """Encoded image of each view by `View.extension`, in the order of `Plan.views`."""
    labels: Mapping[str, int] = field(default_factory=dict)
    """Index of each of `Plan.labels`; stored as one more member, unless there are none."""
    view: str | None = None
    """In an unpaired data set: the only view of the sample."""
    seen: Mapping[str, Seen] = field(default_factory=dict)
    """What its views show; not stored."""

    def files(self) -> dict[str, bytes]:
        """All members by extension, in the order in which they are stored: the views, then the labels."""
        if not self.labels:
            return dict(self.members)
        text = json.dumps(dict(self.labels), sort_keys=True, separators=(",", ":"))
        return {**self.members, LABELS_EXTENSION: text.encode()}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A sample that is not yet encoded."""

    key: str
    """Unique within its split; letters, digits, `_`, `-` and `%` only (see `sharding.format.names`)."""
    split: str
    origin: Any
    """What the plan's `encode` makes the sample of: paths, or a place on a grid."""
    labels: Mapping[str, int] = field(default_factory=dict)
    """Index of each of `Plan.labels`."""
    view: str | None = None
    """In an unpaired data set: the only view that the sample will have."""
    num_bytes: int | None = None
    """That the sample will take up in a tar, where that is known: its files are stored as they are."""

    def sample(self, members: Mapping[str, bytes], *, seen: Mapping[str, Seen] | None = None) -> Sample:
        """The sample, with the encoded images of its views, and what they show."""
        return Sample(
            key=self.key, split=self.split, members=members, labels=self.labels, view=self.view, seen=seen or {}
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is known about a data set before its first image is encoded."""

    kind: Literal["paired", "unpaired"] = "paired"
    """`unpaired`: each sample has one view, and a shard holds samples of one view only."""
    views: dict[str, View]
    classes: Sequence[ClassInfo] = ()
    labels: Mapping[str, LabelInfo] = field(default_factory=dict)
    drafts: Iterable[Draft]
    """Read once, in any order; their keys are unique within a split."""
    encode: Callable[[Draft], Sample]
    """Pure: the same draft gives the same bytes. Raises `DatasetError` for an unusable input. It can be pickled, since
    other processes and machines call it."""

    def checked_drafts(self) -> Iterator[Draft]:
        """The drafts, with what a source promises of each, whatever its input was."""
        sizes = {name: len(info.names) for name, info in self.labels.items()}
        views = set(self.views) if self.kind == "unpaired" else {None}
        for draft in self.drafts:
            assert draft.view in views, f"{draft.key}: the view is {draft.view!r}"
            assert draft.labels.keys() == sizes.keys(), f"{draft.key}: labelled {list(draft.labels)}"
            assert all(0 <= value < sizes[name] for name, value in draft.labels.items()), draft.key
            yield draft


class Source(Protocol):
    """One input layout. Both methods raise `DatasetError` where an input is missing or unusable."""

    def made_by(self) -> dict[str, Any]:
        """Source, options and inputs, as JSON values. Cheap: it tells whether a data set is already there."""
        ...

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        """Look at all inputs, report all that is wrong with them, and list the samples.

        Args:
            crew: to look at many inputs at once.
            problems: takes each input that cannot be used.
        """
        ...
