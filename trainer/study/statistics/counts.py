"""How often each participant gave each answer about each thing judged: what all numbers of a report are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.study.answers import Answer, Protocol

NUM_VALUES: dict[Protocol, int] = {"real-or-fake": 2, "realness": 5, "preference": 2}
"""Answers there can be: 0, 1, and so on."""

Thing = tuple[str, ...]
"""What is judged: a method, or, in `preference`, two in alphabetical order, of which 1 means the first."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counted answers of one protocol."""

    protocol: Protocol
    participants: tuple[str, ...]
    things: tuple[Thing, ...]
    """In alphabetical order."""
    numbers: NDArray[np.int64]
    """[participants, things, values]: how often it was answered."""

    @property
    def totals(self) -> NDArray[np.int64]:
        """[things, values], of all participants."""
        return self.numbers.sum(axis=0)

    @property
    def means_of_participants(self) -> NDArray[np.float64]:
        """[participants, things]; NaN where one has not judged a thing."""
        return means(self.numbers)


def means(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """[..., values] -> [...]: the mean answer, NaN where there is none. Equal means are equal to the last bit."""
    answered = numbers.sum(axis=-1)
    total = numbers @ np.arange(numbers.shape[-1])
    return np.divide(total, answered, out=np.full(total.shape, np.nan), where=answered > 0)


def thing_of(answer: Answer) -> tuple[Thing, int]:
    """What an answer judges, and its value.

    Raises:
        ValueError: the value, or the rival, is none of its protocol.
    """
    value, last = int(answer.value), NUM_VALUES[answer.protocol] - 1
    where = f"participant {answer.participant!r}, trial {answer.trial}"
    if value != answer.value or not 0 <= value <= last:
        raise ValueError(f"{where}: value = {answer.value!r}; {answer.protocol} has whole numbers from 0 to {last}")
    if (answer.rival is not None) != (answer.protocol == "preference") or answer.rival == answer.method:
        raise ValueError(f"{where}: {answer.method!r} has the rival {answer.rival!r}, in {answer.protocol}")
    if answer.rival is None:
        return (answer.method,), value
    if answer.method < answer.rival:
        return (answer.method, answer.rival), value
    return (answer.rival, answer.method), 1 - value


def count(answers: Sequence[Answer]) -> Counts:
    """Counts of the counted trials; practice and attention have no weight.

    Raises:
        ValueError: there are none, or they are of several protocols, or one has an impossible value.
    """
    counted = [answer for answer in answers if answer.part == "counted"]
    protocols: list[Protocol] = list({answer.protocol: None for answer in counted})
    if len(protocols) != 1:
        raise ValueError(f"answers of {protocols or 'no protocol'}: one protocol is counted at a time")
    judged = [thing_of(answer) for answer in counted]
    participants = tuple(sorted({answer.participant for answer in counted}))
    things = tuple(sorted({thing for thing, _ in judged}))
    numbers = np.zeros((len(participants), len(things), NUM_VALUES[protocols[0]]), dtype=np.int64)
    rows = {name: row for row, name in enumerate(participants)}
    columns = {thing: column for column, thing in enumerate(things)}
    where = [(rows[a.participant], columns[thing], value) for a, (thing, value) in zip(counted, judged, strict=True)]
    np.add.at(numbers, tuple(np.array(where).T), 1)
    return Counts(protocol=protocols[0], participants=participants, things=things, numbers=numbers)
