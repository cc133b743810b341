"""Weights & Biases: a run that it is told of; no network and no home neither stop nor stall training."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from sharding.console import command_line, make_console, printable
from trainer.config.log import LogConfig
from trainer.monitoring import Metrics
from trainer.monitoring.attempts import Attempts, off
from trainer.monitoring.evaluated import Evaluated, Lineage
from trainer.monitoring.wandb_folder import Steps, refuse_links
from trainer.monitoring.wandb_mode import asked_mode, choose_mode, project

_INIT_TIMEOUT_S = 15
_FINISH_TIMEOUT_S = 20
_FLUSH_PERIOD_S = 1
"""W&B's own 15 s leave an empty file when the run is killed early."""

_LAUNCH_INPUTS = "wandb.sdk.launch.inputs.internal"
_LONGEST_NAME = 128
"""Characters of a run's name."""


@cache
def _spare_imports() -> None:
    """Keep W&B from importing what no run of ours gives it, a second: pandas, and inputs of its Launch.

    A table of pandas is then known by the name of its type, and inputs are there only if their module was imported.
    """
    from wandb import util
    from wandb.sdk.wandb_run import Run

    if hasattr(util, "pd_available"):
        util.pd_available = False
    apply = getattr(Run, "_detect_and_apply_job_inputs", None)
    if apply is None:
        return

    def apply_if_there(self: Run) -> None:
        if _LAUNCH_INPUTS in sys.modules:
            apply(self)

    Run._detect_and_apply_job_inputs = apply_if_there


class WandbLogger:
    """One W&B run, continued under the same id when training is resumed. What W&B cannot do is told, and no error.

    Args:
        config: mode, project, group and name.
        folder: the run directory, which receives `wandb/`.
        run_id: the same for all parts of one run.
        values: the resolved configuration, to be shown: each field by its path, so that W&B's plots of hyperparameters
            take it without clicks.
        summaries: which value of a metric stands for the run, the largest or the smallest; else it is the last.
        job: what is done; runs at W&B can be grouped by it.
        used: what it is done with.
        changes: gives a diff of the code against its commit, to be kept as `changes.diff`; it is asked only if W&B
            hears the run, and not with WANDB_DISABLE_CODE.
        tells_sync: whether the end of an offline run says how to send it.

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
        job: Literal["train", "evaluate"] = "train",
        used: Sequence[Lineage] = (),
        changes: Callable[[], str] | None = None,
        tells_sync: bool = False,
    ) -> None:
        self.notice: str | None = None
        """Why the run is offline although it was to be online, or not with W&B at all; else None."""
        self._run: Any = None
        self._folder, self._tells_sync, self._is_offline = folder, tells_sync, False
        self._job, self._attempt = job, Attempts("W&B")
        if asked_mode(config) == "disabled":
            return
        refuse_links(folder)
        settings = {
            "project": project(config),
            "group": config.wandb_group,
            "job_type": job,
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
            self._begin(summaries, used, changes)
        except Exception as error:  # whatever it is: a run can do without
            self._run, self.notice = None, off("W&B", error)

    def _start(self, config: LogConfig, settings: dict[str, Any]) -> Any:
        mode, self.notice = choose_mode(config)
        self._is_offline = mode == "offline"
        if self.notice:
            self.notice += f" Send the run later: {self._sync}"
        import wandb

        _spare_imports()
        try:
            return wandb.init(**settings, mode=mode, settings=self._settings())
        except Exception as error:
            if mode != "online":
                raise
            # A server that answers the probe may still refuse the key or the project.
            self.notice, self._is_offline = f"W&B is offline: {error} Send the run later: {self._sync}", True
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

    def _begin(
        self,
        summaries: Mapping[str, Literal["max", "min"]],
        used: Sequence[Lineage],
        changes: Callable[[], str] | None,
    ) -> None:
        from trainer.monitoring import wandb_parts as parts

        if changes is not None and not self._run.settings.disable_code and (diff := changes()):
            parts.save_text(self._run, "changes.diff", diff)
        parts.define(self._run, summaries)
        for lineage in used:
            parts.send(self._run, lineage, is_used=True)

    def log(self, metrics: Metrics) -> None:
        # At once: what waits for more of the same step is lost when the run is killed.
        self._with(lambda run: run.log(metrics, step=self._steps.take(metrics["position"]), commit=True))

    def picture(self, path: Path, position: int) -> None:
        self._log_parts(position, lambda parts: {"samples": parts.picture(path)})

    def histograms(self, values: Mapping[str, Sequence[float]], position: int) -> None:
        if values:
            self._log_parts(position, lambda parts: parts.histograms(values))

    def evaluated(self, found: Evaluated) -> None:
        self._log_parts(found.position, lambda parts: parts.evaluation(found))
        if found.checkpoint is not None and self._run is not None:
            self._send_checkpoint(found.checkpoint)

    def _send_checkpoint(self, checkpoint: Lineage) -> None:
        from trainer.monitoring import wandb_parts as parts

        self._with(lambda run: parts.send(run, checkpoint, is_used=self._job == "evaluate"))

    def _log_parts(self, position: int, make: Callable[[Any], Metrics]) -> None:
        if self._run is None:
            return
        from trainer.monitoring import wandb_parts as parts

        self._with(lambda run: self.log({**make(parts), **parts.at(position)}))

    def note(self, text: str, position: int) -> None:
        """For people; nothing to add."""

    def alarm(self, key: str, text: str, position: int) -> None:
        self.log({key: 1.0, "position": position, "kimg": position / 1000})
        self._with(lambda run: run.alert(title=key, text=text))

    def close(self) -> None:
        # Losing the last upload must not turn a finished training into a failure: the files are in wandb/.
        self._with(lambda run: run.finish())
        if self._tells_sync and self._is_offline and self._run is not None:
            make_console().print(f"W&B:      {self._sync}")

    @property
    def _sync(self) -> str:
        """What sends all offline parts of the run."""
        return f"{command_line('wandb', 'sync', self._folder / 'wandb')}/offline-run-*"

    def _with(self, use: Callable[[Any], object]) -> None:
        """Use the run at W&B, if there is one."""
        if self._run is not None:
            self._attempt(lambda: use(self._run))
