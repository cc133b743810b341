"""Weights & Biases. The only importer of wandb; a missing network never stops or stalls training."""

import contextlib
import netrc
import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlparse

from sharding.console import printable
from sharding.storage.files import refuse_link
from trainer.config.errors import ConfigError
from trainer.config.log import LogConfig
from trainer.monitoring import Metrics

_PROBE_TIMEOUT_S = 3.0
_INIT_TIMEOUT_S = 15
_FINISH_TIMEOUT_S = 20
_FLUSH_PERIOD_S = 1
"""W&B's own 15 s leave an empty file when the run is killed early."""


Mode = Literal["online", "offline", "disabled"]

_OWN_LINKS = ("latest-run", "debug.log", "debug-internal.log")
"""Which W&B makes in its folder, and replaces without following them."""
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


class WandbLogger:
    """One W&B run, continued under the same id when training is resumed.

    Args:
        config: mode, project and group.
        folder: the run directory, which receives `wandb/`.
        run_id: the same for all parts of one run.
        values: the resolved configuration, to be shown.
        summaries: which value of a metric stands for the run, the largest or the smallest; else it is the last.

    Raises:
        ConfigError: the folder, which may be a stranger's, would lead what is written or sent elsewhere.
    """

    def __init__(
        self,
        config: LogConfig,
        *,
        folder: Path,
        run_id: str,
        values: dict[str, Any],
        summaries: Mapping[str, Literal["max", "min"]] = MappingProxyType({}),
    ) -> None:
        if _asked(config) != "disabled":
            _refuse_links(folder)
        import wandb

        self._wandb = wandb
        settings: dict[str, Any] = {
            "project": config.wandb_project,
            "group": config.wandb_group,
            "name": printable(folder.name),
            "id": run_id,
            "resume": "allow",
            "dir": str(folder),
            "config": values,
            "allow_val_change": True,  # of a run that goes on with other settings
        }
        mode, self.notice = choose_mode(config)
        """`notice` says why the run is offline although it was to be online; else None."""
        try:
            self._run = wandb.init(**settings, mode=mode, settings=self._settings())
        except wandb.Error as error:
            # A server that answers the probe may still refuse the key or the project.
            self.notice = f"W&B is offline: {error}"
            wandb.teardown()
            self._run = wandb.init(**settings, mode="offline", settings=self._settings())
        self._run.define_metric("position")
        self._run.define_metric("*", step_metric="position")
        for key, value in summaries.items():
            self._run.define_metric(key, step_metric="position", summary=value)

    def _settings(self) -> Any:
        return self._wandb.Settings(
            silent=True,
            console="off",
            init_timeout=_INIT_TIMEOUT_S,
            finish_timeout=_FINISH_TIMEOUT_S,
            x_transaction_log_flush_interval=_FLUSH_PERIOD_S,
        )

    def log(self, metrics: Metrics) -> None:
        self._run.log(metrics)

    def picture(self, path: Path, position: int) -> None:
        self._run.log({"samples": self._wandb.Image(str(path)), "position": position})

    def close(self) -> None:
        # Losing the last upload must not turn a finished training into a failure: the files are in wandb/.
        with contextlib.suppress(Exception):
            self._run.finish()


def choose_mode(config: LogConfig) -> tuple[Mode, str | None]:
    """The mode for `wandb.init`, and a notice for the user if it is not what was asked for.

    Of the run's setting and WANDB_MODE the more private one counts: a run may be a stranger's, the environment is not.
    Online without a network, `wandb.init` blocks for up to 100 s and then raises, so the server is probed first.
    """
    asked = _asked(config)
    if asked in ("disabled", "offline"):
        return asked, None
    if asked == "auto" and not _has_api_key():
        return "offline", None
    server = _base_url()
    if not _answers(server):
        return "offline", f"W&B is offline: {server} does not answer. Send the run later with `wandb sync`."
    return "online", None


def _asked(config: LogConfig) -> Mode | Literal["auto"]:
    """Raises ConfigError if WANDB_MODE is no mode."""
    environment = os.environ.get("WANDB_MODE", "")
    if not environment:
        return config.wandb
    if environment not in _ENVIRONMENT:
        raise ConfigError("WANDB_MODE", environment, "in the environment; use online, offline or disabled.")
    own = _ENVIRONMENT[environment]
    if config.wandb == "auto":
        return own
    return next(mode for mode in _FROM_MOST_PRIVATE if mode in (own, config.wandb))


def is_own_link(path: Path, *, folder: Path) -> bool:
    """Whether W&B lays links of this name below its `folder`: to its newest run and that run's logs, and from each run
    to a log of its service, which lies in the user's cache. It writes through none of them.
    """
    first, *others = path.relative_to(folder).parts
    if others:
        return others == ["logs", "debug-core.log"]
    return first in _OWN_LINKS and path.resolve().is_relative_to(folder.resolve())


def _refuse_links(folder: Path) -> None:
    """Refuse links in W&B's part of a run directory, through which it would write; see `RunDir.refuse_links`."""
    local = folder / "wandb"
    refuse_link(local, error=partial(ConfigError, "run", str(folder)))
    for parent, folders, files in os.walk(local):
        for path in (Path(parent, name) for name in (*folders, *files)):
            if not is_own_link(path, folder=local):
                refuse_link(path, error=partial(ConfigError, "run", str(folder)))


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
