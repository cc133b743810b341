"""All that a report says of a study, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from sharding.console import counted
from trainer.config.errors import ConfigError
from trainer.study.answers import Answer
from trainer.study.design import Design
from trainer.study.statistics.bootstrap import resample, share_above, superiority
from trainer.study.statistics.counts import Counts, count, means
from trainer.study.statistics.estimates import FEWEST_PARTICIPANTS, Estimate, estimate_all
from trainer.study.statistics.exclusion import Chosen, choose
from trainer.study.statistics.images import ImageScore, rank_images
from trainer.study.statistics.resamples import NUM_RESAMPLES, SEED
from trainer.study.statistics.strengths import log_strengths, standing, wins_of

_FEW = 10
"""Participants below whom bootstrap intervals tend to be too narrow."""
_MOST_LOST = 0.025
"""Share of resamples without finite strengths beyond which an end of a 95 % interval would be infinite."""


@dataclass(frozen=True, kw_only=True)
class Strength:
    """Bradley-Terry log strength of a method, the mean of all being 0. None where it is not finite."""

    method: str
    value: float | None
    error: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What browsers measured, of counted answers; None where none did."""

    exposure_ms: tuple[float, float, float] | None
    """Median, and between which 95 of 100 exposures are."""
    seconds: float | None
    """Median time of an answer."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A report."""

    design: Design
    chosen: Chosen
    num_participants: int
    """Who count."""
    estimates: tuple[Estimate, ...]
    better: tuple[tuple[float | None, ...], ...]
    """P(row > column) of the methods among the estimates, in their order; of `preference` empty."""
    ahead: tuple[float | None, ...]
    """Of `preference`: P(the first wins more than half) of each pair among the estimates; else empty."""
    strengths: tuple[Strength, ...]
    images: tuple[ImageScore, ...]
    timing: Timing
    notes: tuple[str, ...]
    num_resamples: int
    seed: int


def make_contents(
    design: Design, answers: Sequence[Answer], *, num_resamples: int = NUM_RESAMPLES, seed: int = SEED
) -> Contents:
    """Report on the answers of a study, none of which need be there yet.

    Raises:
        ConfigError: an answer is none to this study.
    """
    _check(design, answers)
    chosen = choose(answers, rules=design.rules, num_counted=design.num_counted, exposure_ms=design.exposure_ms)
    counts = count(chosen.answers) if chosen.answers else None
    samples = None if counts is None else resample(counts, num=num_resamples, seed=seed)
    estimates = () if counts is None or samples is None else estimate_all(counts, samples)
    is_preference = design.protocol == "preference"
    strengths, notes = _strengths(counts, samples) if is_preference else ((), [])
    return Contents(
        design=design,
        chosen=chosen,
        num_participants=0 if counts is None else len(counts.participants),
        estimates=estimates,
        better=() if samples is None or is_preference else tuple(map(_known, superiority(samples))),
        ahead=_known([share_above(pair, 0.5) for pair in means(samples).T])
        if is_preference and samples is not None
        else (),
        strengths=strengths,
        images=tuple(rank_images(chosen.answers)),
        timing=_timing(chosen.answers),
        notes=(*_notes(design, estimates), *notes),
        num_resamples=num_resamples,
        seed=seed,
    )


def _check(design: Design, answers: Sequence[Answer]) -> None:
    for answer in answers:
        names = {answer.method} | ({answer.rival} if answer.rival is not None else set())
        if answer.protocol != design.protocol or not names <= {*design.contestants, *design.methods}:
            told = f"participant {answer.participant}, trial {answer.trial}: {answer.protocol} of {sorted(names)}"
            raise ConfigError("answers", told, "is no answer to this study: its study.json was replaced.")
    try:
        count(answers) if any(answer.part == "counted" for answer in answers) else None
    except ValueError as error:
        raise ConfigError("answers", "answers.sqlite", f"{error}. Put a copy of it there.") from error


def _known(row: Sequence[float] | NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in row)


def _strengths(counts: Counts | None, samples: NDArray[np.int64] | None) -> tuple[tuple[Strength, ...], list[str]]:
    """Of more than two methods."""
    names = sorted({name for thing in counts.things for name in thing}) if counts is not None else []
    if counts is None or samples is None or len(names) <= len(counts.things[0]):
        return (), []
    wins = wins_of(counts.totals, counts.things, names)
    found = standing(wins, names)
    if not found.is_estimable:
        return _unknown(names), [_why_not(found.apart, found.tiers)]
    drawn, values = log_strengths(wins_of(samples, counts.things, names)), log_strengths(wins)
    lost = float(np.isnan(drawn).any(axis=1).mean())
    if len(counts.participants) < FEWEST_PARTICIPANTS or lost > _MOST_LOST:
        strengths = tuple(
            Strength(method=name, value=float(value), error=None, low=None, high=None)
            for name, value in zip(names, values, strict=True)
        )
        why = f"in {100 * lost:.1f} % of resamples they are not finite" if lost > _MOST_LOST else "one participant"
        return strengths, [f"Strengths have no interval: {why}. More answers are needed."]
    notes = [f"{100 * lost:.2f} % of resamples had no finite strengths and were passed over."] if lost else []
    return tuple(_strength(name, *one) for name, *one in zip(names, values, drawn.T, strict=True)), notes


def _strength(name: str, value: float, drawn: NDArray[np.float64]) -> Strength:
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Strength(method=name, value=float(value), error=float(np.nanstd(drawn)), low=float(low), high=float(high))


def _unknown(names: Sequence[str]) -> tuple[Strength, ...]:
    return tuple(Strength(method=name, value=None, error=None, low=None, high=None) for name in names)


def _why_not(apart: Sequence[Sequence[str]], tiers: Sequence[Sequence[str]]) -> str:
    if len(apart) > 1:
        groups = " | ".join(", ".join(group) for group in apart)
        return f"Strengths cannot be told: no one of one group was compared with one of another: {groups}."
    order = " > ".join(", ".join(tier) for tier in tiers)
    return f"Strengths are not finite, because some lost no comparison or won none: {order}. More answers are needed."


def _timing(answers: Sequence[Answer]) -> Timing:
    exposures = [time for answer in answers for time in answer.exposures_ms]
    seconds = [answer.seconds for answer in answers if answer.seconds is not None]
    middle, low, high = (float(value) for value in np.quantile(exposures or [0], (0.5, 0.025, 0.975)))
    return Timing(
        exposure_ms=(middle, low, high) if exposures else None,
        seconds=median(seconds) if seconds else None,
    )


def _notes(design: Design, estimates: Sequence[Estimate]) -> list[str]:
    """What numbers do not tell, or not yet."""
    judged = {name for found in estimates for name in found.thing}
    notes = [f"{name}: no answer that counts yet." for name in design.contestants if name not in judged]
    for found in estimates:
        who, number = " over ".join(found.thing), counted(found.num_participants, "participant")
        if found.num_participants < FEWEST_PARTICIPANTS:
            notes.append(f"{who}: {number}, from whom no error and no interval follow.")
        elif found.is_uniform:
            exact = (
                "The interval is the exact binomial one, as if answers were independent"
                if found.low is not None
                else ""
            )
            notes.append(f"{who}: all answers are alike, so there is no standard error. {exact or 'Nor an interval'}.")
        elif found.num_participants < _FEW:
            notes.append(f"{who}: {number}; intervals of fewer than {_FEW} tend to be too narrow.")
    return notes
