"""What a study asks and shows, as study.json holds it. It tells which image is which, and is never served."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from sharding.storage.records import MEBIBYTE, RecordError, checked, read_record
from sharding.storage.typed import Limits
from trainer.config.errors import ConfigError
from trainer.runs import formats
from trainer.study.answers import TRUTH, Protocol

FILE_NAME = "study.json"
IMAGES = "images"
INPUT = "input"
"""Stands, beside methods and TRUTH, for what was translated."""
_LARGEST = 64 * MEBIBYTE

_Text = Annotated[str, Limits(max_length=20_000)]
_Name = Annotated[str, Limits(min_length=1, max_length=200)]
_Number = Annotated[int, Limits(ge=0, le=10_000)]
_ImageFile = Annotated[str, Limits(pattern=r"\A[0-9a-f]{32}\.png\z")]
"""Name of a file in the folder IMAGES, which tells nothing."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Whose answers are left out of reports: fixed before anybody answers."""

    most_failed_checks: _Number = 1
    """Attention checks that may be answered wrongly."""
    least_seconds: Annotated[float, Limits(ge=0)] = 0.15
    """Median time for an answer, in seconds from when it was possible; who is faster does not look."""
    longest_exposure: Annotated[float, Limits(ge=1)] = 1.5
    """Of what it should be: an image that stayed longer than this many times does not count."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """One study."""

    protocol: Protocol
    title: _Text
    methods: tuple[_Name, ...]
    """Those that are compared, without TRUTH."""
    images: dict[_Name, dict[_Name, _ImageFile]]
    """Name of an input -> method, TRUTH or INPUT -> file. Unpaired, real images have names of their own."""
    checks: dict[_Name, _ImageFile] = field(default_factory=dict)
    """Name of an input -> its real image in pieces, which nobody takes for real: for attention checks."""
    num_practice: _Number = 0
    num_counted: Annotated[int, Limits(ge=1, le=10_000)]
    num_checks: _Number = 0
    """Attention checks, among the counted trials."""
    exposure_ms: Annotated[int, Limits(ge=50, le=60_000)] | None = None
    """For how long each image is shown; None: until it is answered."""
    is_paired: bool = True
    """Whether a generated image is shown beside the real one of the same input, or beside any."""
    against_truth: bool = False
    """In `preference`, whether real images are among those that are compared."""
    seed: Annotated[int, Limits(ge=0, le=2**53)] = 0
    """Of all sessions' plans."""
    rules: Rules = field(default_factory=Rules)
    consent: _Text = ""
    """What participants agree to before they begin."""
    most_participants: Annotated[int, Limits(ge=1)] | None = None
    """Who comes when so many have finished is told that the study is closed."""
    completion_code: _Name | None = None
    """Shown at the end, for a crowd platform."""
    completion_url: _Text | None = None
    """Where the end leads, with the code in it."""
    keeps_ids: bool = False
    """Whether identifiers of a crowd platform are stored as they are, or as salted hashes alone."""
    salt: Annotated[str, Limits(pattern=r"\A[0-9a-f]{64}\z")]
    """Secret, for these hashes."""

    @property
    def contestants(self) -> tuple[str, ...]:
        """Whose images are judged: the methods, and TRUTH where it is judged like them."""
        return self.methods + ((TRUTH,) if self.protocol == "realness" or self.against_truth else ())

    @property
    def num_trials(self) -> int:
        """Of one session, all parts."""
        return self.num_practice + self.num_counted + self.num_checks


def write_design(folder: Path, design: Design) -> None:
    """Put study.json into a folder, whole or not at all. Raises OSError."""
    formats.STUDY.write(folder / FILE_NAME, asdict(design))


def read_design(folder: Path) -> Design:
    """The study in a folder.

    Raises:
        ConfigError: there is none, or it is damaged; or a later version made it.
    """
    path = folder / FILE_NAME
    try:
        record: Mapping[str, Any] = formats.STUDY.read(read_record(path, most=_LARGEST), path=path)
        return checked({name: value for name, value in record.items() if name != formats.FORMAT_KEY}, Design)
    except FileNotFoundError as error:
        remedy = f"holds no {FILE_NAME}: give the folder that `diptych study create` wrote."
        raise ConfigError("study", str(folder), remedy) from error
    except RecordError as error:
        raise ConfigError("study", str(path), f"{error}. Put a copy of it there, or create the study anew.") from error
