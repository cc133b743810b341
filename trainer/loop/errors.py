"""What ends a training before its end, and the exit status that tells which kind it was. Read without torch."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sharding.errors import DatasetError
from trainer.checkpoints.layout import CheckpointError
from trainer.config.errors import ConfigError
from trainer.ranks.exits import CRASHED, FAILED, WRONG_INPUT
from trainer.ranks.failures import is_secondary, record_failure
from trainer.ranks.rendezvous import RendezvousError


class TrainingDivergedError(RuntimeError):
    """A loss is not a finite number any more."""


_WRONG_INPUT = (ConfigError, DatasetError)
# OSError: a full or lost disk under metrics, samples or scores. What was saved before stays whole.
_EXPLAINED = (*_WRONG_INPUT, CheckpointError, RendezvousError, TrainingDivergedError, OSError)
_PASSING = {
    errno.EIO,
    errno.ESTALE,
    errno.EREMOTEIO,
    errno.ETIMEDOUT,
    errno.ECONNRESET,
    errno.ECONNREFUSED,
    errno.ECONNABORTED,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
}
"""Of the machine or the network it talks to: the next try may fare better."""


def is_explained(error: Exception) -> bool:
    """Whether the message says all that a user needs; else the traceback does."""
    return isinstance(error, _EXPLAINED)


def exit_status(error: Exception) -> int:
    """What a rank that fails with an error ends with."""
    if is_secondary(error) or (isinstance(error, OSError) and error.errno in _PASSING):
        return CRASHED
    if isinstance(error, _WRONG_INPUT):
        return WRONG_INPUT
    return FAILED if is_explained(error) else CRASHED


@contextmanager
def failures_recorded() -> Iterator[None]:
    """Put on record at once why what is inside fails: the first that is put there counts."""
    try:
        yield
    except Exception as error:
        record_failure(error, exit_status=exit_status(error))
        raise
