"""What pictures show of labels that a method keeps: a face's gender, where its age is changed. Imports no torch."""

from collections.abc import Callable, Mapping
from pathlib import Path

from trainer.config.errors import ConfigError
from trainer.data.subject import Subject

OwnLabels = Callable[[Path], Mapping[str, str]]
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


def own_numbers(file: Path, subject: Subject, own_labels: OwnLabels) -> dict[str, int]:
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
