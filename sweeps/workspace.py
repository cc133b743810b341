"""`diptych sweep workspace SWEEP`: the sweep's runs at W&B, side by side in a workspace of their own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sharding.console import command_line, make_console, one_line
from sweeps.plan import Sweep, SweepDir
from trainer.config.domains import LogUniform
from trainer.config.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class WorkspaceOptions:
    """Make a W&B workspace of a sweep's runs: parallel coordinates, importance, scores and samples, all open.

    The runs must be there: send those that were trained offline with `wandb sync` before. Needs a key (`wandb login`)
    and the package wandb-workspaces, an extra of the installation.
    """

    sweep: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SWEEP")]
    """Folder of the sweep, e.g. sweep-runs/NAME."""


def workspace_command(argv: list[str]) -> int:
    """Returns the exit status.

    Raises:
        ConfigError: the folder is no sweep, W&B is not online, or it refuses.
    """
    options = tyro.cli(WorkspaceOptions, args=argv, prog="diptych sweep workspace")
    sweep = SweepDir(options.sweep.absolute()).sweep()
    try:
        url = _make(sweep)
    except (ConfigError, ModuleNotFoundError):
        raise
    except Exception as error:  # those of W&B have no common kind
        raise ConfigError("sweep", str(options.sweep), f"W&B makes no workspace: {_said(error)}") from error
    make_console().print(f"workspace: {url}")
    return 0


def offer_workspace(folder: SweepDir, sweep: Sweep) -> str | None:
    """Make the workspace where W&B is online. Returns what to tell of it: where it is, or what makes it later.

    None where nobody asked for W&B, or for workspaces. Whatever W&B answers, a sweep that has ended is none the worse.
    """
    from trainer.monitoring.wandb import choose_mode
    from trainer.monitoring.wandb_workspace import INSTALL, is_installed

    later = command_line("diptych", "sweep", "workspace", folder.path)
    try:
        mode, _ = choose_mode(sweep.config.log)
        if mode == "disabled" or (mode == "offline" and not is_installed()):
            return None
        if mode == "offline":
            return f"W&B is offline: after `wandb sync` of the runs, {later} makes their workspace"
        if not is_installed():
            return f"for a workspace at W&B: {INSTALL}, then {later}"
        return f"workspace: {_make(sweep)}"
    except ModuleNotFoundError:  # wandb itself
        return None
    except Exception as error:  # as above
        return f"W&B makes no workspace: {_said(error)}; to try again: {later}"


def _make(sweep: Sweep) -> str:
    from trainer.monitoring.wandb_workspace import save_workspace

    domains = sweep.search_space.domains
    return save_workspace(
        sweep.config.log,
        group=sweep.config.log.wandb_group or "",
        fields={path: isinstance(domain, LogUniform) for path, domain in domains.items()},
        scores={key: score.mode for key, score in sweep.objectives.items()},
    )


def _said(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__)
