"""How agents come to the hosts of a job."""

from typing import NamedTuple, Protocol

from launch.hosts.host import Host


class Where(NamedTuple):
    """Where the agents of a job find their coordinator, and what shows that they are its own."""

    address: str
    port: int
    token: str


class Agents(Protocol):
    """Has agents come to hosts: by ssh, or by waiting for those that somebody starts there."""

    patience_s: float
    """A host whose agent has not come by then does not answer."""

    def start(self, host: Host, where: Where) -> None:
        """Have an agent come from `host`, again if the former one is lost. Returns at once."""
        ...

    def why_not(self, host: Host) -> str | None:
        """Why no agent will come from there, e.g. ssh's last words; None while one may."""
        ...

    def close(self) -> None:
        """Leave nothing behind."""
        ...
