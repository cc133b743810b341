"""Which ranks did not come to an operation that all take part in: those that did come say so in the store.

The operation's own error says after a time limit that it waited, and not for whom: with gloo each rank waits for its
neighbour in a ring, which waits for the next.
"""

import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed import distributed_c10d

from trainer.ranks.failures import has_timed_out
from trainer.ranks.world import World

LONGEST_S = 3.0
"""Ranks whose limits end a little later are waited for; one that is frozen never says anything."""

_PERIOD_S = 0.1
_MOST_NAMED = 8


class MissingRanksError(RuntimeError):
    """An operation of all ranks was not finished in time, because of these.

    Attributes:
        missing: their numbers; none if all ranks wait, for different things.
    """

    def __init__(self, message: str, *, missing: Sequence[int]) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


@contextmanager
def roll_called(world: World) -> Iterator[None]:
    """While inside, an operation that other ranks did not come to in time raises MissingRanksError, which names them.

    Other errors pass as they are; the other ranks read of them.
    """
    try:
        yield
    except Exception as error:
        if world.size == 1:
            raise
        waited = place_of(error)
        answers = _call(world, waited, waits=has_timed_out(error))
        if answers is None:
            raise
        missing = [rank for rank in range(world.size) if rank not in answers]
        raise MissingRanksError(_message(waited, answers, world), missing=missing) from error


def place_of(error: BaseException) -> str:
    """Where an error was raised: the operation of all ranks, and whose it is.

    For example `all_reduce in trainer.loop.requests.Requests.agreed`.
    """
    operation, owner = "", ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("trainer.") and not module.startswith("trainer.ranks."):
            owner, operation = f"{module}.{frame.f_code.co_qualname}", ""
        elif not operation:
            operation = _operation(module, frame)
    what = operation or type(error).__name__
    note = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    return (f"{what} in {owner}" if owner else what) + note


def _operation(module: str, frame: FrameType) -> str:
    name = frame.f_code.co_name
    if module == "torch.distributed.distributed_c10d" and not name.startswith("_") and name != "wrapper":
        return name
    return "reduction of gradients" if module == "torch.autograd" and name == "backward" else ""


def _call(world: World, waited: str, *, waits: bool) -> Mapping[int, str] | None:
    """What ranks say they were at, by rank; None if this one need not know, or cannot.

    In a thread: a store that does not answer, with rank 0's machine, must not keep this rank.
    """
    answers: dict[int, str] = {}
    store = PrefixStore("roll-call", distributed_c10d._get_default_store())
    caller = threading.Thread(target=_ask, args=(store, world, waited, waits, answers), daemon=True, name="roll-call")
    caller.start()
    caller.join(2 * LONGEST_S)
    if not waits:
        return None
    if caller.is_alive() and world.rank != 0:  # the store is rank 0's
        return dict.fromkeys(range(1, world.size), "")
    return dict(answers) or None


def _ask(store: Store, world: World, waited: str, waits: bool, answers: dict[int, str]) -> None:
    try:
        store.set(str(world.rank), waited)
        if not waits:
            return
        ranks, deadline = list(range(world.size)), time.monotonic() + LONGEST_S
        while (missing := _missing(store, ranks)) and time.monotonic() < deadline:
            time.sleep(_PERIOD_S)
        answers |= {rank: "" for rank in ranks if rank not in missing}
        for rank in list(answers)[:_MOST_NAMED]:
            answers[rank] = store.get(str(rank)).decode(errors="replace")
    except RuntimeError:  # the store went with rank 0: its own record tells more
        return


def _missing(store: Store, ranks: Sequence[int]) -> list[int]:
    """Those that have said nothing, with few questions where they are few of many."""
    if store.check([str(rank) for rank in ranks]):
        return []
    if len(ranks) == 1:
        return list(ranks)
    middle = len(ranks) // 2
    return _missing(store, ranks[:middle]) + _missing(store, ranks[middle:])


def _message(waited: str, answers: Mapping[int, str], world: World) -> str:
    missing = [rank for rank in range(world.size) if rank not in answers]
    if not missing:
        others = {place: rank for rank, place in answers.items() if place and rank != world.rank}
        told = "; ".join(f"rank {rank} was at {place}" for place, rank in others.items())
        return f"{waited} was not finished in time although all ranks are there: {told}. Some may be far slower."
    named = ", ".join(f"{rank} (host {world.hosts[rank]})" for rank in missing[:_MOST_NAMED])
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    ranks = "rank" if len(missing) == 1 else "ranks"
    return (
        f"{waited}: {ranks} {named}{more} did not come to it within the time limit. Frozen, stuck, or cut off from the"
        " network? See the log there. Where a rank may take longer, raise engine.timeout_s."
    )
