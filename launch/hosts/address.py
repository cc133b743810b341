"""The address at which the launcher listens for the agents of other hosts."""

from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address

from trainer.config.errors import ConfigError


def address_seen(connections: Sequence[str]) -> str:
    """This machine's address, as the hosts see it that it has reached by ssh.

    Loopback is what only this machine itself sees: it counts where no other host says anything else.

    Args:
        connections: SSH_CONNECTION of each host: `10.0.0.1 50122 10.0.0.2 22`, the first being the address of who asks.

    Raises:
        ConfigError: none of them is an address.
    """
    seen = [word for word in (_first(connection) for connection in connections) if _is_address(word)]
    if not seen:
        remedy = "tells no address of this machine (SSH_CONNECTION): is it OpenSSH's sshd? Or use --node-rank."
        raise ConfigError("hostfile", "", remedy)
    others = [address for address in seen if not ip_address(address).is_loopback]
    return Counter(others or seen).most_common(1)[0][0]


def _first(connection: str) -> str:
    return connection.strip().partition(" ")[0].removeprefix("::ffff:")


def _is_address(word: str) -> bool:
    try:
        return ip_address(word) is not None
    except ValueError:
        return False
