"""What pictures show of labels that a method keeps: a face's gender, where its age is changed. Imports no torch."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sharding.errors import DatasetError
from sharding.format.manifest import Manifest
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.inference.sources import Source

OwnLabels = Callable[[Source], Mapping[str, str]]
"""A picture -> the text of each of its labels. Raises UnreadablePictureError if it has none."""


def check_own_labels(subject: Subject, *, label: str | None, own: str | None) -> None:
    """Raises ConfigError unless the pictures' own labels are given where a method keeps them, and nowhere else.

    Args:
        label: that the pictures are to show.
        own: what tells their own.
    """
    kept = subject.method.further_labels
    if label is None or not kept:
        if own is not None:
            reason = "the pictures are translated" if label is None else "the run's method keeps no label"
            raise ConfigError("own_labels", own, f"is of no use: {reason}. Leave it out.")
        return
    names = {name: subject.manifest.labels[name].names for name in kept.values()}
    if own is None:
        told = " and ".join(f"{name} ({', '.join(values)})" for name, values in names.items())
        example = ",".join(f"{name}={values[0]}" for name, values in names.items())
        raise ConfigError(
            "own_labels",
            None,
            f"the run keeps of each picture its own {told}: say what they show, e.g. {example} for all of them, or as "
            "`diptych shard images --labels` has it, e.g. utkface or csv:FILE.",
        )


def labels_of_samples(manifest: Manifest | None, subject: Subject) -> OwnLabels | None:
    """What tells the labels of a data set's samples that the method keeps; None where the set does not have them."""
    names = tuple(subject.method.further_labels.values())
    if manifest is None or not names or not set(names) <= manifest.labels.keys():
        return None

    def of(source: Source) -> Mapping[str, str]:
        assert not isinstance(source, Path)
        try:
            numbers = source.labels(names)
        except DatasetError as error:
            from trainer.pictures.files import UnreadablePictureError

            raise UnreadablePictureError(f"has no labels: {error}") from error
        return {name: manifest.labels[name].names[number] for name, number in numbers.items()}

    return of


def own_numbers(file: Source, subject: Subject, own_labels: OwnLabels) -> dict[str, int]:
    """The numbers of a picture's own labels that the method keeps. Raises UnreadablePictureError if it lacks one."""
    texts, numbers = own_labels(file), {}
    for name in subject.method.further_labels.values():
        names = subject.manifest.labels[name].names
        if texts.get(name) not in names:
            from trainer.pictures.files import UnreadablePictureError

            raise UnreadablePictureError(
                f"has the own label {name} = {texts.get(name)!r}; the run knows: {', '.join(names)}"
            )
        numbers[name] = names.index(texts[name])
    return numbers
