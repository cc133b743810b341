"""Weights & Biases. The only importer of wandb; no network and no home neither stop nor stall training."""

import contextlib
import netrc
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlparse

from sharding.console import command_line, make_console, printable
from trainer.config.errors import ConfigError
from trainer.config.log import LogConfig, require_project
from trainer.monitoring import Metrics
from trainer.monitoring.wandb_folder import Steps, refuse_links

_PROBE_TIMEOUT_S = 3.0
_INIT_TIMEOUT_S = 15
_FINISH_TIMEOUT_S = 20
_FLUSH_PERIOD_S = 1
"""W&B's own 15 s leave an empty file when the run is killed early."""

_LONGEST_NAME = 128
"""Characters of a run's name."""

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


class WandbLogger:
    """One W&B run, continued under the same id when training is resumed. What W&B cannot do is told, and no error.

    Args:
        config: mode, project, group and name.
        folder: the run directory, which receives `wandb/`.
        run_id: the same for all parts of one run.
        values: the resolved configuration, to be shown: each field by its path, so that W&B's plots of hyperparameters
            take it without clicks.
        summaries: which value of a metric stands for the run, the largest or the smallest; else it is the last.

    Raises:
        ConfigError: the folder, which may be a stranger's, would lead what is written or sent elsewhere; or the
            environment holds what W&B refuses.
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
        self.notice: str | None = None
        """Why the run is offline although it was to be online, or not with W&B at all; else None."""
        self._run: Any = None
        if _asked(config) == "disabled":
            return
        refuse_links(folder)
        settings = {
            "project": project(config),
            "group": config.wandb_group,
            "name": printable(config.wandb_name or folder.name)[:_LONGEST_NAME],
            "id": run_id,
            "resume": "allow",
            "dir": str(folder),
            "config": values,
            "allow_val_change": True,  # of a run that goes on with other settings
        }
        try:
            self._run = self._start(config, settings)
            self._steps = Steps(folder / "wandb" / "next_step", least=self._run.step)
            self._define(summaries)
        except Exception as error:  # whatever it is: a run can do without
            self._run, self.notice = None, _off(error)

    def _start(self, config: LogConfig, settings: dict[str, Any]) -> Any:
        mode, self.notice = choose_mode(config)
        if self.notice:
            parts = command_line("wandb", "sync", Path(settings["dir"], "wandb"))
            self.notice += f" Send the run later: {parts}/offline-run-*"
        import wandb

        try:
            return wandb.init(**settings, mode=mode, settings=self._settings())
        except Exception as error:
            if mode != "online":
                raise
            # A server that answers the probe may still refuse the key or the project.
            self.notice = f"W&B is offline: {error}"
            wandb.teardown()
            return wandb.init(**settings, mode="offline", settings=self._settings())

    def _settings(self) -> Any:
        import wandb

        return wandb.Settings(
            silent=True,
            console="off",
            init_timeout=_INIT_TIMEOUT_S,
            finish_timeout=_FINISH_TIMEOUT_S,
            x_transaction_log_flush_interval=_FLUSH_PERIOD_S,
        )

    def _define(self, summaries: Mapping[str, Literal["max", "min"]]) -> None:
        self._run.define_metric("position")
        self._run.define_metric("*", step_metric="position")
        for key, value in summaries.items():
            self._run.define_metric(key, step_metric="position", summary=value)

    def log(self, metrics: Metrics) -> None:
        with self._or_without():
            if self._run is not None:
                # At once: what waits for more of the same step is lost when the run is killed.
                self._run.log(metrics, step=self._steps.take(metrics["position"]), commit=True)

    def picture(self, path: Path, position: int) -> None:
        with self._or_without():
            if self._run is not None:
                import wandb

                self.log({"samples": wandb.Image(str(path)), "position": position})

    def note(self, text: str, position: int) -> None:
        """For people; nothing to add."""

    def alarm(self, key: str, text: str, position: int) -> None:
        with self._or_without():
            if self._run is not None:
                self.log({key: 1.0, "position": position})
                self._run.alert(title=key, text=text)

    def close(self) -> None:
        # Losing the last upload must not turn a finished training into a failure: the files are in wandb/.
        with self._or_without():
            if self._run is not None:
                self._run.finish()

    @contextlib.contextmanager
    def _or_without(self) -> Iterator[None]:
        """Tell what W&B fails at, once, and leave it alone from then on."""
        try:
            yield
        except Exception as error:  # as above
            self._run = None
            make_console(stderr=True).print(_off(error))


def _off(error: Exception) -> str:
    return f"W&B is off, and training goes on without: {type(error).__name__}: {error}"


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
    asked = _asked(config)
    if asked in ("disabled", "offline"):
        return asked, None
    if asked == "auto" and not _has_api_key():
        return "offline", None
    server = _base_url()
    if not _answers(server):
        return "offline", f"W&B is offline: {server} does not answer."
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
