"""Options of all commands that make a data set: where it goes, in what pieces, and who makes it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from sharding.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """Where the data set goes, in what pieces, and who makes it."""

    out: Path
    """Folder to make. It appears when the data set is whole, and not before."""
    overwrite: bool = False
    """Replace a different data set that is there."""
    shard_mb: int = 64
    """Megabytes that a shard is to have, about."""
    shard_samples: int = 1000
    """A shard holds at most this many samples: small sets, too, are to have several, which are made side by side."""
    skip_bad: bool = False
    """Leave out what cannot be used, and list it with the reasons in rejected.jsonl, instead of stopping."""
    workers: int = len(os.sched_getaffinity(0))
    """Processes that decode and encode images. The shards do not depend on it."""
    ray: str | None = None
    """Work on a Ray cluster instead, whose machines all see the input and --out: `auto`, `local` or an address."""

    def __post_init__(self) -> None:
        if re.match(r"\w+:/", str(self.out)):
            raise OptionError(
                f"--out {self.out}: is an address. Write to a folder, then copy it there with its own tool."
            )
        for name in ("shard_samples", "shard_mb", "workers"):
            if getattr(self, name) < 1:
                raise OptionError(f"--{name.replace('_', '-')} {getattr(self, name)}: use 1 or more.")
