"""Which states of a run are kept on disk."""

from dataclasses import dataclass
from typing import Annotated

from sharding.storage.place import PLACE_ARGUMENT, Url, parse_place, store_problem
from trainer.config.bounds import AtLeastOne, Period
from trainer.config.errors import require
from trainer.config.section import Section
from trainer.config.stored import Stored

_StoreFolder = Annotated[
    Annotated[Url, PLACE_ARGUMENT] | None,
    Stored(
        read=lambda value: parse_place(value) if isinstance(value, str) else value,
        write=lambda value: None if value is None else str(value),
    ),
]


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig(Section):
    """Checkpoints, from which a run goes on and is evaluated."""

    period_kimg: Period = 2.0
    """Thousands of training images from one checkpoint to the next; 0 is never. One more is made at the end and at
    SIGTERM."""
    keep: AtLeastOne = 2
    """Checkpoints that are kept; older ones are removed."""
    keep_best: str | None = None
    """Also keep the checkpoint with the best of this score, e.g. eval/psnr, of those at each `evaluate.period_kimg`."""
    upload: _StoreFolder = None
    """Also copy each checkpoint to a store, in the background: to a folder of the run's name below this address,
    s3://BUCKET/FOLDER or gs://BUCKET/FOLDER."""

    def check_fields(self) -> None:
        """Raise ConfigError for an address that is none, or cannot be written to."""
        if self.upload is not None:
            problem = store_problem(self.upload)
            require(problem is None, "upload", str(self.upload), str(problem))
