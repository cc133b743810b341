"""What a user gives for tables whose rows are trained on data of their own: the data set, its views, a judge."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from launch.starting import check_dataset
from sharding.format.manifest_file import read_manifest
from sweeps.tables.papers import PaperRow, Table
from trainer.config.bounds import AtLeastOne
from trainer.config.data import DataPlace
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.evaluation.judges.asked import Asked
from trainer.runs.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Given:
    """For tables on data of your own; the others have theirs."""

    data_path: Annotated[DataPlace | None, tyro.conf.arg(name="data.path")] = None
    """Data set with photos and the classes of their pixels, on which all rows of the table are trained."""
    view_photo: str | None = None
    """Its view of photos; the only one that shows no classes if not given."""
    view_labels: str | None = None
    """Its view of labels; if not given, the only one in flat colours, or, without such, of class numbers."""
    size: AtLeastOne | None = None
    """Height and width of all rows' images in pixels; the presets' own if not given."""
    fcn: Path | None = None
    """File of `diptych fcn train`, which judges the photos that rows make of labels."""

    def __post_init__(self) -> None:
        check_bounds(self)

    def check(self, table: Table, configs: list[RunConfig], *, name: str, trains: bool) -> None:
        """Find out before any training whether all rows can be trained, and judged.

        Args:
            configs: of the table's rows, as `applied` gives them.
            name: of the table.

        Raises:
            ConfigError, DatasetError: they cannot; `fcn` is no network's, or knows other classes than the data.
        """
        if table.makes is None:
            return
        subjects = [check_dataset(config) for config in configs]
        if not table.by_fcn or not trains:
            return
        if self.fcn is None:
            raise ConfigError("fcn", None, f"{name} scores photos by one; make it with `diptych fcn train`.")
        for subject in subjects:
            Asked(fcn=self.fcn).check(subject)
        from trainer.evaluation.judges.fcn_file import open_fcn

        subject = subjects[0]
        open_fcn(self.fcn, subject.manifest.classes, data=str(subject.data.path))

    def fits(self, table: Table, *, name: str) -> None:
        """Raises ConfigError for what is missing, or is no matter of the table."""
        values = ("data.path", self.data_path), ("view_photo", self.view_photo), ("view_labels", self.view_labels)
        others = [("size", self.size), ("fcn", self.fcn)]
        wrong = [*values, *others] if table.makes is None else [] if table.by_fcn else others[1:]
        for field, value in wrong:
            if value is not None:
                raise ConfigError(field, str(value), f"is nothing that the table {name} asks for; leave it out.")
        if table.makes is not None and self.data_path is None:
            remedy = "give a data set of photos and the classes of their pixels (docs/data.md)."
            raise ConfigError("data.path", None, f"{name} is trained on data of your own: {remedy}")

    def applied(self, table: Table, row: PaperRow, config: RunConfig) -> tuple[RunConfig, list[str]]:
        """A row's configuration on these data, and the arguments that make it of the preset's.

        Raises ConfigError if it is not known which views are meant, DatasetError if there is no data set.
        """
        if table.makes is None or self.data_path is None:
            return config, []
        photo, labels = self._views()
        view_a, view_b = (labels, photo) if table.makes == "photos" else (photo, labels)
        data = replace(config.data, path=self.data_path, view_a=view_a, view_b=view_b)
        arguments = ["--data.path", str(self.data_path), "--data.view-a", view_a, "--data.view-b", view_b]
        # A table has scores of the end alone, and CoGAN's take longer than its training.
        evaluate, arguments = replace(config.evaluate, period_kimg=0.0), [*arguments, "--evaluate.period-kimg", "0"]
        if self.size is not None:
            data = replace(data, load_size=self.size, crop_size=self.size)
            arguments += ["--data.load-size", str(self.size), "--data.crop-size", str(self.size)]
        for name, value in row.method.items():
            arguments += [f"--method.{name.replace('_', '-')}", str(value)]
        method = replace(config.method, **row.method)
        return replace(config, data=data, method=method, evaluate=evaluate), arguments

    def _views(self) -> tuple[str, str]:
        """Of photos and of labels."""
        assert self.data_path is not None
        views = read_manifest(self.data_path).views
        colored = [name for name, view in views.items() if view.renders_classes]
        numbers = [name for name, view in views.items() if view.content == "classes"]
        photos = [name for name in views if name not in (*colored, *numbers)]
        return (
            self._chosen("view_photo", self.view_photo, photos, known=[*views]),
            self._chosen("view_labels", self.view_labels, colored or numbers, known=[*views]),
        )

    def _chosen(self, field: str, asked: str | None, fitting: list[str], *, known: list[str]) -> str:
        listed = f"{self.data_path} has the views {', '.join(known)}"
        if asked is not None and asked not in known:
            raise ConfigError(field, asked, f"{listed}.")
        if asked is None and len(fitting) != 1:
            raise ConfigError(field, None, f"{listed}, of which {len(fitting)} fit; name the one that is meant.")
        return asked or fitting[0]


NOTHING = Given()
"""For tables with data of their own."""
