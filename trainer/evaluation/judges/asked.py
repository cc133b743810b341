"""Which judges are asked for beside the scores that every run gets. Imports no torch: mistakes are answered at once."""

from dataclasses import dataclass
from pathlib import Path

from trainer.config.errors import ConfigError
from trainer.data.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Scores that need more than the run and its data."""

    fcn: Path | None = None
    """File of `diptych fcn train`: its network segments the photos that the run makes, which are scored against the
    labels that they were made from; beside them the real photos, the ceiling."""

    def check(self, subject: Subject) -> None:
        """Raise ConfigError for what cannot judge the run."""
        if self.fcn is not None:
            if not self.fcn.is_file():
                raise ConfigError("fcn", str(self.fcn), "there is no such file; make one with `diptych fcn train`.")
            labels_view(subject, field="fcn")


NOTHING = Asked()
"""No judge."""


def labels_view(subject: Subject, *, field: str) -> str:
    """Name of the view whose classes the run's photos are to show: view a, view c, or the only other one with classes.

    Raises:
        ConfigError: the run makes no photos, it is not known what belongs to them, or no view shows classes.
    """
    data, views = subject.data, subject.manifest.views
    what = _why_not(subject)
    if what is None:
        showing = [name for name, view in views.items() if view.content == "classes" or view.renders_classes]
        own = [name for name in (data.view_a, data.view_c) if name in showing]
        others = [name for name in showing if name != data.view_b]
        if own or len(others) == 1:
            return [*own, *others][0]
        listed = f": several do, {', '.join(others)}" if others else ""
        what = f"no one view of {data.path} shows the classes that its photos should{listed}"
    raise ConfigError(field, data.view_b, f"{what}. FCN scores judge runs that make photos of labels.")


def _why_not(subject: Subject) -> str | None:
    data, view_b = subject.data, subject.view_b
    if not subject.method.translates or subject.pairing == "single":
        return f"method.name = {subject.method.name!r} makes no photos of another view"
    if not subject.manifest.classes:
        return f"{data.path} has no classes"
    if not subject.knows_truth:
        return f"of {data.path} it is not known which images belong together"
    if view_b.renders_classes or not view_b.is_common:
        return f"the run makes view {data.view_b!r}, which is no photo of 8 bits"
    return None
