"""What passes from a source to the writer: a plan of samples that can be encoded in any order, and each sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sharding.manifest import ClassInfo, View

SPLITS = ("train", "val", "test")


class OptionError(Exception):
    """A command line option has an impossible value; the message names the option, the value and the remedy.

    No ValueError, because tyro would wrap that in a message about its own parsing.
    """


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A sample that is not yet encoded."""

    key: str
    """Unique within its split; letters, digits, `_`, `-` and `%` only (see `sharding.naming`)."""
    split: str
    origin: Any
    """What the plan's `encode` makes the sample of: paths, or a place on a grid."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample as it stands in a tar: the members `<key>.<extension>`."""

    key: str
    split: str
    members: dict[str, bytes]
    """Encoded image of each view by `View.extension`, in the order of `Plan.views`."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is known about a data set before its first image is encoded."""

    views: dict[str, View]
    classes: Sequence[ClassInfo]
    drafts: Sequence[Draft]
    encode: Callable[[Draft], Sample]
    """Pure and thread-safe: the same draft gives the same bytes. Raises `DatasetError` for an unusable input."""


class Source(Protocol):
    """One input layout. Both methods raise `DatasetError` where an input is missing or unusable."""

    def made_by(self) -> dict[str, Any]:
        """Source, options and inputs, as JSON values. Cheap: it tells whether a data set is already there."""
        ...

    def plan(self) -> Plan:
        """Look at all inputs, report all that is wrong with them, and list the samples."""
        ...
