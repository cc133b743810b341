"""Which judges are asked for beside the scores that every run gets. Imports no torch: mistakes are answered at once."""

from dataclasses import dataclass
from pathlib import Path

from trainer.config.errors import ConfigError, require
from trainer.config.torch_file import can_be_of_torch
from trainer.data.subject import Subject
from trainer.evaluation.judges.own_function import OwnFunction, find_function

REMEDY = "give a file made by `diptych fcn train`."


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Scores that need more than the run and its data."""

    fcn: Path | None = None
    """File of `diptych fcn train`: its network segments the photos that the run makes, which are scored against the
    labels that they were made from; beside them the real photos, the ceiling."""
    metric: tuple[str, ...] = ()
    """Functions of your own, MODULE:FUNCTION, of this folder or installed: (image, target) -> a number; the score is
    its mean. MODULE:FUNCTION:lower where less is better. See docs/segmentation.md."""
    set_metric: tuple[str, ...] = ()
    """Likewise, of sets: (list of images, list of targets) -> a number."""
    mask_view: str | None = None
    """A view that says which pixels count (bright, or of a class): scores of those alone, beside the others."""
    by: str | None = None
    """A label of the data set: the scores of the images of each of its values, in a table of their own."""

    def check(self, subject: Subject) -> None:
        """Raise ConfigError for what cannot judge the run."""
        if self.fcn is not None:
            check_fcn(self.fcn, subject, field="fcn")
        has_pairs = subject.knows_truth and subject.method.translates
        for field, value in (("metric", self.metric), ("mask_view", self.mask_view), ("by", self.by)):
            if value and not has_pairs:
                raise ConfigError(field, value, "compares each image with its target, and this run has no such pairs.")
        if self.set_metric and not subject.method.translates:
            raise ConfigError(
                "set_metric", self.set_metric, f"method.name = {subject.method.name!r} translates nothing."
            )
        if self.by is not None and self.by not in subject.manifest.labels:
            known = ", ".join(subject.manifest.labels) or "none"
            raise ConfigError("by", self.by, f"{subject.data.path} has no such label; it has: {known}.")
        self.functions()

    def functions(self) -> list[OwnFunction]:
        """Those of `metric` and `set_metric`. Raises ConfigError for what is none."""
        named = [("metric", spec) for spec in self.metric] + [("set_metric", spec) for spec in self.set_metric]
        return [find_function(spec, field=field) for field, spec in named]


NOTHING = Asked()
"""No judge."""


def require_readable(fcn: Path) -> None:
    """Raise ConfigError if a file cannot be opened, or is none of torch's."""
    try:
        is_of_torch = can_be_of_torch(fcn)
    except OSError as error:
        raise ConfigError("fcn", str(fcn), f"cannot be read ({error.strerror}); {REMEDY}") from error
    require(is_of_torch, "fcn", str(fcn), f"holds no segmentation network; {REMEDY}")


def check_fcn(fcn: Path, subject: Subject, *, field: str) -> None:
    """Raise ConfigError if there is no such file, or the run makes no photos of labels. Does not read the file."""
    require(fcn.is_file(), field, str(fcn), "there is no such file; make one with `diptych fcn train`.")
    labels_view(subject, field=field)


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
