"""What a user gives for a table whose rows are trained on data of their own: the data set, its views, a judge."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from launch.starting import check_subject
from sharding.format.manifest import Manifest, View
from sharding.format.manifest_file import read_manifest
from sharding.storage.place import Place
from sweeps.tables.papers import CLASS_SCORES, IMAGE_SCORES, SET_SCORES, PaperRow, Table
from trainer.config.bounds import AtLeastOne
from trainer.config.data import DataPlace
from trainer.config.errors import ConfigError
from trainer.config.section import check_bounds
from trainer.data.subject import Subject
from trainer.data.views import trained_view
from trainer.evaluation.judges.asked import Asked
from trainer.evaluation.scores import find_key
from trainer.presets import load_preset
from trainer.runs.config import RunConfig


def without_pairs(table: Table) -> list[PaperRow]:
    """The rows that learn from images that belong to no other."""
    return [row for row in table.rows if load_preset(row.preset).method.pairing != "paired"]


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """A data set of the user's, as all rows of a table see it."""

    path: Place
    manifest: Manifest
    """Read once, however many runs there are."""
    view_a: str
    view_b: str
    size: int | None
    """Height and width in pixels; the presets' own if None."""

    @property
    def name(self) -> str:
        """Of the data set: the last part of its place."""
        path = self.path
        return (path.resolve().name if isinstance(path, Path) else str(path).rpartition("/")[2]) or "data"

    @property
    def shows_classes(self) -> bool:
        """Whether targets show classes in flat colours, so that translations can be read."""
        return bool(self.manifest.classes) and trained_view(self.manifest, self.view_b).renders_classes

    def subject(self, config: RunConfig) -> Subject:
        """What a row's run learns from."""
        return Subject.begin(data=config.data, method=config.method, manifest=self.manifest)

    def scored(self, table: Table) -> Table:
        """The table with the rows that can be trained on the data, and the scores that these have."""
        if table.makes is not None:
            return table
        if self.manifest.kind != "paired":
            return replace(table, rows=without_pairs(table), scores=SET_SCORES)
        own = {title: key for title, key in table.scores.items() if "classes" not in find_key(key).needs}
        return replace(table, scores=CLASS_SCORES if self.shows_classes else own | IMAGE_SCORES)

    def applied(self, table: Table, row: PaperRow, config: RunConfig) -> tuple[RunConfig, list[str]]:
        """A row's configuration on these data, and the arguments that make it of the preset's.

        Args:
            table: as `scored` gives it.
        """
        data = replace(config.data, path=self.path, view_a=self.view_a, view_b=self.view_b)
        arguments = ["--data.path", str(self.path), "--data.view-a", self.view_a, "--data.view-b", self.view_b]
        # A table has scores of the end alone, and CoGAN's take longer than its training.
        evaluate, arguments = replace(config.evaluate, period_kimg=0.0), [*arguments, "--evaluate.period-kimg", "0"]
        if table.encoders:
            evaluate, arguments = replace(evaluate, encoded="end"), [*arguments, "--evaluate.encoded", "end"]
        if self.size is not None:
            data = replace(data, load_size=self.size, crop_size=self.size)
            arguments += ["--data.load-size", str(self.size), "--data.crop-size", str(self.size)]
        for name, value in row.method.items():
            arguments += [f"--method.{name.replace('_', '-')}", str(value)]
        method = replace(config.method, **row.method)
        return replace(config, data=data, method=method, evaluate=evaluate), arguments


@dataclass(frozen=True, kw_only=True)
class Given:
    """For tables on data of your own. Some have data of theirs, the embedded earth, if none are given."""

    data_path: Annotated[DataPlace | None, tyro.conf.arg(name="data.path")] = None
    """Data set on which all rows of the table are trained: photos and the classes of their pixels for tables of labels,
    any pairs for the others; for `unpaired` images that belong to no other, too, without the rows that need pairs."""
    view_a: Annotated[str | None, tyro.conf.arg(name="data.view-a")] = None
    """Its view that rows translate. Of a data set of two views the first if neither is given; of tables of photos and
    classes, see the next two."""
    view_b: Annotated[str | None, tyro.conf.arg(name="data.view-b")] = None
    """Its view that rows make; likewise the second."""
    view_photo: str | None = None
    """Its view of photos, where the table knows what is made of what; the only one that shows no classes if not
    given."""
    view_labels: str | None = None
    """Its view of labels; if not given, the only one in flat colours, or, without such, of class numbers."""
    size: AtLeastOne | None = None
    """Height and width of all rows' images in pixels; the presets' own if not given."""
    fcn: Path | None = None
    """File of `diptych fcn train`, which judges the photos that rows make of labels."""

    def __post_init__(self) -> None:
        check_bounds(self)

    def open(self, table: Table, *, name: str) -> OwnData | None:
        """What all rows see of the data that are given; None of a table that is trained on its own.

        Raises:
            ConfigError: something is missing, or no matter of the table; it is not known which views are meant.
            DatasetError: there is no data set.
        """
        self._refuse(table, name=name)
        if self.data_path is None:
            return None
        manifest = read_manifest(self.data_path)
        if manifest.kind != "paired" and (table.makes or not without_pairs(table)):
            what = f"its images are of no pairs, of which {name} learns or by which it judges; give pairs."
            raise ConfigError("data.path", str(self.data_path), what)
        view_a, view_b = self._roles(table, manifest.views) if table.makes else self._two(manifest.views)
        return OwnData(path=self.data_path, manifest=manifest, view_a=view_a, view_b=view_b, size=self.size)

    def check(self, table: Table, own: OwnData, configs: list[RunConfig], *, name: str, trains: bool) -> None:
        """Find out before any training whether all rows can be trained, and judged.

        Args:
            own: as `open` gives it.
            configs: of the table's rows, as `OwnData.applied` gives them.
            name: of the table.

        Raises:
            ConfigError, DatasetError: they cannot; `fcn` is no network's, or knows other classes than the data.
        """
        subjects = [own.subject(config) for config in configs]
        for subject, config in zip(subjects, configs, strict=True):
            check_subject(subject, config)
        if table.by_fcn and trains:
            self._check_judge(subjects, name=name)

    def _check_judge(self, subjects: list[Subject], *, name: str) -> None:
        if self.fcn is None:
            raise ConfigError("fcn", None, f"{name} scores photos by one; make it with `diptych fcn train`.")
        for subject in subjects:
            Asked(fcn=self.fcn).check(subject)
        from trainer.evaluation.judges.fcn_file import open_fcn

        subject = subjects[0]
        open_fcn(self.fcn, subject.manifest.classes, data=str(subject.data.path))

    def _refuse(self, table: Table, *, name: str) -> None:
        """Raises ConfigError for what is missing, or is no matter of the table."""
        roles, views = ("view_photo", "view_labels"), ("view_a", "view_b")
        no_matter = (*(roles if table.makes is None else views), *([] if table.by_fcn else ["fcn"]))
        for field in no_matter:
            if (value := getattr(self, field)) is not None:
                remedy = f"name views by {_listed(views if field in roles else roles)}." * (field != "fcn")
                raise ConfigError(_NAMES.get(field, field), str(value), _no_matter(name, remedy))
        if self.data_path is not None:
            return
        if table.makes is not None:
            remedy = "give a data set of photos and the classes of their pixels (docs/data.md)."
            raise ConfigError("data.path", None, f"{name} is trained on data of your own: {remedy}")
        for field in (*views, "size"):
            if (value := getattr(self, field)) is not None:
                what = "is of data of your own: give --data.path with it, or leave it out."
                raise ConfigError(_NAMES.get(field, field), str(value), what)

    def _roles(self, table: Table, views: Mapping[str, View]) -> tuple[str, str]:
        """What is translated, and what is made of it, by what views show."""
        colored = [name for name, view in views.items() if view.renders_classes]
        numbers = [name for name, view in views.items() if view.content == "classes"]
        photos = [name for name in views if name not in (*colored, *numbers)]
        photo = self._chosen("view_photo", fitting=photos, known=views)
        labels = self._chosen("view_labels", fitting=colored or numbers, known=views)
        return (labels, photo) if table.makes == "photos" else (photo, labels)

    def _two(self, views: Mapping[str, View]) -> tuple[str, str]:
        """Any two views: those that are given, or the first and the second of two."""
        names = [*views] if len(views) == 2 else []
        view_a = self._chosen("view_a", fitting=[name for name in names if name != self.view_b][:1], known=views)
        view_b = self._chosen("view_b", fitting=[name for name in names if name != view_a], known=views)
        if view_a == view_b:
            raise ConfigError("data.view_b", view_b, f"is data.view_a, too: rows would copy. Of {[*views]} name two.")
        return view_a, view_b

    def _chosen(self, field: str, *, fitting: list[str], known: Mapping[str, View]) -> str:
        asked: str | None = getattr(self, field)
        listed = f"{self.data_path} has the views {', '.join(known)}"
        if asked is not None and asked not in known:
            raise ConfigError(_NAMES.get(field, field), asked, f"{listed}.")
        if asked is None and len(fitting) != 1:
            fit = f", of which {len(fitting)} fit" if field not in _NAMES else ""
            raise ConfigError(_NAMES.get(field, field), None, f"{listed}{fit}; name the one that is meant.")
        return asked or fitting[0]


_NAMES = {"view_a": "data.view_a", "view_b": "data.view_b"}
"""Fields as the configuration calls them."""


def _listed(fields: tuple[str, ...]) -> str:
    return " and ".join(f"--{_NAMES.get(field, field).replace('_', '-')}" for field in fields)


def _no_matter(name: str, remedy: str) -> str:
    return f"is nothing that the table {name} asks for; {remedy or 'leave it out.'}"


NOTHING = Given()
"""For tables with data of their own."""
