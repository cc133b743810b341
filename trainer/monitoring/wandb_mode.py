"""Whether W&B is online, offline or off, and in which project: of what the run, the environment and the network say."""

import netrc
import os
import socket
from typing import Literal
from urllib.parse import urlparse

from trainer.config.errors import ConfigError
from trainer.config.log import LogConfig, require_project

_PROBE_TIMEOUT_S = 3.0

Mode = Literal["online", "offline", "disabled"]

_FROM_MOST_PRIVATE: tuple[Mode, ...] = ("disabled", "offline", "online")
_ENVIRONMENT: dict[str, Mode] = {
    "disabled": "disabled",
    "offline": "offline",
    "dryrun": "offline",
    "online": "online",
    "run": "online",
    "shared": "online",
}
"""Values of WANDB_MODE, old ones too."""


def project(config: LogConfig) -> str:
    """The W&B project: as the run says, else as WANDB_PROJECT does, else `diptych`.

    Raises:
        ConfigError: W&B would refuse what WANDB_PROJECT says.
    """
    if config.wandb_project is not None:
        return config.wandb_project
    named = os.environ.get("WANDB_PROJECT") or "diptych"
    require_project(named, "WANDB_PROJECT")
    return named


def choose_mode(config: LogConfig) -> tuple[Mode, str | None]:
    """The mode for `wandb.init`, and a notice for the user if it is not what was asked for.

    Of the run's setting and WANDB_MODE the more private one counts: a run may be a stranger's, the environment is not.
    Online without a network, `wandb.init` blocks for up to 100 s and then raises, so the server is probed first.
    """
    asked = asked_mode(config)
    if asked in ("disabled", "offline"):
        return asked, None
    if asked == "auto" and not _has_api_key():
        return "offline", None
    server = _base_url()
    if not _answers(server):
        return "offline", f"W&B is offline: {server} does not answer."
    return "online", None


def asked_mode(config: LogConfig) -> Mode | Literal["auto"]:
    """What run and environment ask for. Raises ConfigError if WANDB_MODE is no mode."""
    environment = os.environ.get("WANDB_MODE", "")
    if not environment:
        return config.wandb
    if environment not in _ENVIRONMENT:
        raise ConfigError("WANDB_MODE", environment, "in the environment; use online, offline or disabled.")
    own = _ENVIRONMENT[environment]
    if config.wandb == "auto":
        return own
    return next(mode for mode in _FROM_MOST_PRIVATE if mode in (own, config.wandb))


def _base_url() -> str:
    """The server that the environment and W&B's own settings files name."""
    import wandb

    return wandb.setup().settings.base_url


def _has_api_key() -> bool:
    """Whether a key is in the environment, or where `wandb login` puts it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(urlparse(_base_url()).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _answers(url: str) -> bool:
    parsed = urlparse(url)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        with socket.create_connection((parsed.hostname or "", port), timeout=_PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False
