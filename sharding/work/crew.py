"""One function over many items: in this process, in several, or on a Ray cluster.

Results come as they are ready, so nothing that is written may depend on their order. Only a bounded number of items is
under way, so memory does not grow with their number.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from sharding.work.bounded import Result
from sharding.work.cluster import Cluster
from sharding.work.processes import Processes
from sharding.work.progress import Callback, Tick, unheard


@dataclass(kw_only=True)
class Crew:
    """Who does the work. To be closed when all is done."""

    workers: int = 1
    """Processes; 1 is this one."""
    ray: str | None = None
    """Address of a Ray cluster (`auto`: the one of this machine; `local`: a new one), whose machines all see the same
    files under the same names."""
    looking: Callback = unheard
    """Hears of inputs that are only looked at, before any is encoded."""
    _team: Processes | Cluster | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._team is not None:
            self._team.close()

    def run(
        self, work: Callable[..., Result], shared: Any, items: Iterable[Any], *, tick: Tick, is_small: bool
    ) -> Generator[Result, None, None]:
        """The results of `work(shared, item, tick=...)`, as they come.

        Args:
            work: a function of a module, which other processes can import.
            shared: equal for all items; sent with each, so a large thing should be a file.
            tick: hears how much more is done; the work calls its own as parts of an item are done.
            is_small: starting processes, which takes a second, would not pay.

        Raises:
            DatasetError: a process was killed, or the cluster cannot be reached.
        """
        if self.ray is None and (self.workers == 1 or is_small):
            return (work(shared, item, tick=tick) for item in items)
        if self._team is None:
            self._team = Processes(self.workers) if self.ray is None else Cluster(self.ray)
        return self._team.run(work, shared, items, tick=tick)
