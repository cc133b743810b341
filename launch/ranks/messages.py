"""What a coordinator and its agents tell each other: JSON objects with a type, checked field by field."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from sharding.storage.typed import adapter_of


class MessageError(ValueError):
    """A message that is not one of ours."""


@dataclass(frozen=True, kw_only=True)
class Hello:
    """An agent's first message."""

    host: str
    slots: int
    time: float
    """Its clock (unix seconds): what ranks of this host write down is set against the coordinator's."""


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """To an agent: see to it that the run can begin there."""

    run_json: str
    """Content of the file, for hosts that do not see the run's folder."""
    logs: str
    """Name of a folder that the launcher has made in the run's: who does not find it does not share the run."""
    run: str = ""
    """The run's folder, as the launcher was given it; that of the agent's command if empty."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An agent's answer; `error` is empty if ranks can be started."""

    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    """What the host says of itself, as `HostReport.to_record` gives it; empty with an error."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """To an agent: start these ranks."""

    attempt: int
    first_rank: int
    num_ranks: int
    world_size: int
    logs: str
    """Name of the folder of this attempt's logs inside the run's `logs`."""
    device: str = "auto"
    master: str = ""
    """ADDR:PORT where all ranks meet; empty for the host of rank 0, which chooses a port and tells it."""
    terminal: dict[str, str] = field(default_factory=dict)
    """Environment with which rank 0 draws for the launcher's terminal; empty if the launcher has none."""
    probe: bool = False
    """Have the ranks time an all-reduce, and end; nothing of theirs is left on the host."""


@dataclass(frozen=True, kw_only=True)
class Listening:
    """An agent's answer to `Start` where rank 0 is: all ranks meet there."""

    attempt: int
    master: str


@dataclass(frozen=True, kw_only=True)
class CannotStart:
    """An agent's answer to `Start`: a process could not be started, none is left."""

    attempt: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A rank is gone, and all that it had started."""

    attempt: int
    rank: int
    status: int
    """Its exit status, or minus the signal that ended it."""
    time: float
    """When it was noticed, unix seconds of its host."""
    record: dict[str, Any] | None
    """Why it failed, as it wrote itself."""
    tail: str
    """The last lines of its log; empty unless it failed."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """What rank 0 printed."""

    attempt: int
    to_stderr: bool
    text: str
    """One character for each byte (latin-1): parts may end within a character."""


@dataclass(frozen=True, kw_only=True)
class LogPart:
    """More of the log of a rank whose host does not share the run's folder."""

    attempt: int
    rank: int
    text: str
    """One character for each byte (latin-1)."""


@dataclass(frozen=True)
class Stop:
    """To an agent: have the ranks save and end."""


@dataclass(frozen=True)
class Kill:
    """To an agent: end the ranks at once."""


@dataclass(frozen=True)
class Leave:
    """To an agent: end what ranks there are at once, and yourself."""


@dataclass(frozen=True)
class Asked:
    """An agent was told to stop by a signal on its host."""


@dataclass(frozen=True)
class Beat:
    """Still here."""


@dataclass(frozen=True)
class Lost:
    """Never sent: a link tells its own side that there will be no more messages."""

    reason: str


Message = (
    Hello
    | Prepare
    | Prepared
    | Start
    | Listening
    | CannotStart
    | Ended
    | Output
    | LogPart
    | Stop
    | Kill
    | Leave
    | Asked
    | Beat
    | Lost
)

_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message) if kind is not Lost}


def encode(message: Message) -> bytes:
    """A line's content, without its end."""
    return json.dumps({"type": type(message).__name__, **asdict(message)}).encode()


def decode(content: bytes) -> Message:
    """Undo `encode`. Raises MessageError for anything else."""
    try:
        return adapter_of(_KINDS[json.loads(content)["type"]]).validate_json(content, strict=True)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MessageError(f"no message of ours: {content[:80]!r}") from error
