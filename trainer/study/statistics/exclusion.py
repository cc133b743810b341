"""Who counts, and which of their answers: by the rules that stood before the first one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from trainer.study.answers import Answer
from trainer.study.design import Rules


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """One who does not count."""

    participant: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What a report is made of, and what not."""

    answers: list[Answer]
    """Counted ones, of those who count."""
    left_out: list[LeftOut]
    num_overexposed: int
    """Answers of those who count to images that stayed too long."""


def choose(
    answers: Sequence[Answer], *, rules: Rules, num_counted: int | None = None, exposure_ms: float | None = None
) -> Chosen:
    """Apply the rules.

    Args:
        num_counted: answers of one who has finished; None where that is not known, and everyone has.
        exposure_ms: for how long each image should have been shown; None: without end.
    """
    trials: dict[str, list[Answer]] = {}
    for answer in answers:
        trials.setdefault(answer.participant, []).append(answer)
    reasons = {name: tuple(_reasons(trials[name], rules=rules, num_counted=num_counted)) for name in sorted(trials)}
    left_out = [LeftOut(participant=name, reasons=found) for name, found in reasons.items() if found]
    kept = [answer for answer in answers if answer.part == "counted" and not reasons[answer.participant]]
    longest = float("inf") if exposure_ms is None else exposure_ms * rules.longest_exposure
    seen = [answer for answer in kept if max(answer.exposures_ms, default=0.0) <= longest]
    return Chosen(answers=seen, left_out=left_out, num_overexposed=len(kept) - len(seen))


def _reasons(given: Iterable[Answer], *, rules: Rules, num_counted: int | None) -> list[str]:
    counted = [answer for answer in given if answer.part == "counted"]
    checks = [answer for answer in given if answer.part == "attention"]
    failed = sum(answer.value == 0 for answer in checks)
    seconds = [answer.seconds for answer in counted if answer.seconds is not None]
    reasons = []
    if failed > rules.most_failed_checks:
        reasons.append(f"failed {failed} of {len(checks)} attention checks")
    if num_counted is not None and len(counted) < num_counted:
        reasons.append(f"answered {len(counted)} of {num_counted} trials")
    if seconds and (middle := median(seconds)) < rules.least_seconds:
        reasons.append(f"took {middle:.3f} s to answer (median), too fast to have looked")
    return reasons
