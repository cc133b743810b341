"""Which images convince, and which do not."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.study.answers import Answer
from trainer.study.statistics.counts import NUM_VALUES, thing_of

_PULL = 4
"""Answers like a method's mean that are added to each image's, so that one answer puts no image first."""


@dataclass(frozen=True, kw_only=True)
class ImageScore:
    """What was said of one method's image."""

    method: str
    image: str
    num_answers: int
    mean: float
    """Of the protocol's values; in `preference`, the share of comparisons that it won."""
    pulled: float
    """The mean with some answers added that are as the method's: images are ranked by it."""


def rank_images(answers: Sequence[Answer]) -> list[ImageScore]:
    """All images, the most convincing of their method first: methods in alphabetical order."""
    given: dict[tuple[str, str], list[int]] = {}
    for answer in answers:
        for method, value in _shares(answer):
            given.setdefault((method, answer.image), []).append(value)
    of_method: dict[str, list[int]] = {}
    for (method, _), values in given.items():
        of_method.setdefault(method, []).extend(values)
    scores = [
        _score(method, image, values, usual=sum(of_method[method]) / len(of_method[method]))
        for (method, image), values in given.items()
    ]
    return sorted(scores, key=lambda score: (score.method, -score.pulled, score.image))


def _score(method: str, image: str, values: Sequence[int], *, usual: float) -> ImageScore:
    total, number = sum(values), len(values)
    pulled = (total + _PULL * usual) / (number + _PULL)
    return ImageScore(method=method, image=image, num_answers=number, mean=total / number, pulled=pulled)


def _shares(answer: Answer) -> list[tuple[str, int]]:
    """Each method that an answer is about, and its value for that one."""
    thing, value = thing_of(answer)
    last = NUM_VALUES[answer.protocol] - 1
    return [(thing[0], value)] if len(thing) == 1 else [(thing[0], value), (thing[1], last - value)]
