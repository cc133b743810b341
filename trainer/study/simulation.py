"""Participants of known ability: what a report should find, and how many of them a study needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from trainer.study.answers import Answer, Protocol


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Who answers, and how."""

    num_participants: int = 50
    num_trials: int = 40
    agreement: float = 20.0
    """How alike participants are: their own shares are drawn from a Dirichlet distribution about the true ones, with
    this sum of parameters. Its standard deviation is sqrt(p (1 - p) / (agreement + 1)): 0.1 for p = 0.3."""
    one_method_each: bool = True
    """Of real-or-fake, as in the papers. Else each trial has any method."""
    num_images: int = 100


def simulate(
    protocol: Protocol, truth: Mapping[str, Sequence[float]], *, crowd: Crowd | None = None, seed: int = 0
) -> list[Answer]:
    """Answers of a crowd.

    Args:
        truth: share of each value by method, which sum to 1: two in `real-or-fake`, five in `realness`. In
            `preference` one number each, its Bradley-Terry log strength.
    """
    crowd = crowd or Crowd()
    random = np.random.default_rng(seed)
    shares = _shares(protocol, truth)
    things = sorted(shares)
    alone = protocol == "real-or-fake" and crowd.one_method_each
    return [
        answer
        for person in range(crowd.num_participants)
        for answer in _answers(
            f"p{person:04}",
            protocol,
            {thing: shares[thing] for thing in ([things[person % len(things)]] if alone else things)},
            crowd=crowd,
            random=random,
        )
    ]


def _shares(protocol: Protocol, truth: Mapping[str, Sequence[float]]) -> dict[tuple[str, ...], Sequence[float]]:
    """True shares of the values, by what is judged."""
    if protocol != "preference":
        return {(method,): shares for method, shares in truth.items()}
    pairs = combinations(sorted(truth), 2)
    chances = {(a, b): 1 / (1 + np.exp(truth[b][0] - truth[a][0])) for a, b in pairs}
    return {pair: (1 - chance, chance) for pair, chance in chances.items()}


def _answers(
    participant: str,
    protocol: Protocol,
    shares: Mapping[tuple[str, ...], Sequence[float]],
    *,
    crowd: Crowd,
    random: np.random.Generator,
) -> list[Answer]:
    things = list(shares)
    own = np.array([random.dirichlet(np.asarray(shares[thing]) * crowd.agreement) for thing in things])
    seen = random.integers(len(things), size=crowd.num_trials)
    images = random.integers(crowd.num_images, size=crowd.num_trials)
    values = (random.random((crowd.num_trials, 1)) > own.cumsum(axis=1)[seen, :-1]).sum(axis=1)
    return [
        Answer(
            participant=participant,
            protocol=protocol,
            part="counted",
            trial=trial,
            method=things[place][0],
            rival=things[place][1] if len(things[place]) > 1 else None,
            image=str(image),
            value=float(value),
            seconds=1.0,
        )
        for trial, (place, image, value) in enumerate(zip(seen, images, values, strict=True))
    ]
