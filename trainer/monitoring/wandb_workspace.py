"""A W&B workspace in which the runs of one group lie side by side. The only importer of wandb_workspaces, an extra.

Not yet run against wandb.ai.
"""

import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from importlib.util import find_spec
from typing import Any, Literal

from trainer.config.errors import ConfigError
from trainer.config.log import LogConfig
from trainer.monitoring.wandb_mode import choose_mode, project

INSTALL = "pip install 'diptych[workspaces]'"


def is_installed() -> bool:
    """Whether workspaces can be made."""
    return find_spec("wandb_workspaces") is not None


def save_workspace(
    config: LogConfig, *, group: str, fields: Mapping[str, bool], scores: Mapping[str, Literal["max", "min"]]
) -> str:
    """Make a workspace of the default entity. Returns its URL.

    Its sections are open: parallel coordinates and importance, the scores' curves, the samples.

    Args:
        config: the project, and whether W&B may be asked.
        group: whose runs it shows; its name, too.
        fields: paths in the runs' configuration that differ; of each, whether its axis is logarithmic.
        scores: keys of metrics, of which the first counts, and which way each is better.

    Raises:
        ModuleNotFoundError: the package is missing.
        ConfigError: W&B is not online.
        Exception: whatever W&B answers; it has no common kind.
    """
    import wandb
    import wandb_workspaces.workspaces as ws

    mode, notice = choose_mode(config)
    if mode != "online":
        raise ConfigError("log.wandb", mode, notice or "workspaces are made online: `wandb login`, and no WANDB_MODE.")
    entity = wandb.Api().default_entity
    if entity is None:
        raise ConfigError("WANDB_API_KEY", "***", "W&B knows no default entity of its user; set one in its settings.")
    workspace = ws.Workspace(
        entity=entity,
        project=project(config),
        name=group,
        sections=_sections(fields, scores),
        settings=ws.WorkspaceSettings(x_axis="kimg"),
        runset_settings=ws.RunsetSettings(filters=[ws.Metric("Group") == group]),
    )
    with redirect_stderr(io.StringIO()):  # it says the URL itself, in a form of its own
        return workspace.save().url


def _sections(fields: Mapping[str, bool], scores: Mapping[str, Literal["max", "min"]]) -> list[Any]:
    import wandb_workspaces.reports.v2.interface as parts
    import wandb_workspaces.workspaces as ws

    class Field(parts.ParallelCoordinatesPlotColumn):
        """A field of a flat configuration: the package takes dots in names for sections within sections."""

        def _to_model(self) -> Any:
            model = super()._to_model()
            model.accessor = f"config:{self.display_name}.value"
            return model

    columns = [Field(metric=parts.Config(path), display_name=path, log=log) for path, log in fields.items()]
    columns += [
        parts.ParallelCoordinatesPlotColumn(metric=parts.SummaryMetric(key), inverted=mode == "min")
        for key, mode in scores.items()
    ]
    found = {
        "Search": [parts.ParallelCoordinatesPlot(columns=columns), parts.ParameterImportancePlot(next(iter(scores)))],
        "Scores": [parts.LinePlot(x="kimg", y=[key]) for key in scores],
        "Samples": [parts.MediaBrowser(media_keys=["samples"])],
    }
    return [ws.Section(name=name, panels=panels, is_open=True) for name, panels in found.items()]
