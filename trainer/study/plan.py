"""Which images a participant sees, in which order and on which side: a pure function of the study and the session.

Nobody sees an image twice, nor two images of one input in different trials.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from trainer.config.errors import ConfigError
from trainer.study.answers import TRUTH, Part
from trainer.study.design import INPUT, Design

T = TypeVar("T")

NUM_GRADES = 5
"""Of `realness`: 0 "missing" to 4 "compelling" (Yi et al. 2017, arXiv:1704.02510, section 5)."""
_LOWEST = 2
"""Grades that an image in pieces may get."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One question."""

    part: Part
    method: str
    rival: str | None = None
    image: str
    """As of an `Answer`."""
    files: tuple[str, ...]
    """What is shown, in this order; in `preference` the input comes first where it is known."""
    choices: tuple[float, ...]
    """What each choice means: an answer's value. Real or fake: the first, or the second image is the fake."""


def plan_session(design: Design, *, session: int, method: str | None) -> list[Trial]:
    """All trials of one session, in order.

    Args:
        session: its number; each is planned otherwise.
        method: the one whose images are shown in `real-or-fake`; None for the other protocols, which show all.
    """
    chance = random.Random(f"{design.seed}/{session}/{method}")
    pool = _Pool(design, chance)
    if design.protocol == "real-or-fake":
        assert method is not None
        practice = _real_or_fake(pool, method, num=design.num_practice, part="practice")
        counted = _real_or_fake(pool, method, num=design.num_counted, part="counted")
        return practice + _mixed(counted, _odd_ones(pool, method), chance)
    if design.protocol == "realness":
        counted = _realness(pool, design.contestants, num=design.num_counted)
        return _mixed(counted, _pieces(pool), chance)
    counted = _preference(pool, design.contestants, num=design.num_counted)
    return _mixed(counted, _odd_ones(pool, design.methods[0], shows_input=True), chance)


def require_enough(design: Design) -> None:
    """Raise ConfigError unless there are images for one session: an input for each trial."""
    who = judged(design)
    if design.is_paired or design.protocol == "preference":
        num = sum(all(each in shown for each in who) for shown in design.images.values())
    else:
        num = min(sum(each in shown for shown in design.images.values()) for each in who)
    require_inputs(design, num)


def require_inputs(design: Design, num: int) -> None:
    """Raise ConfigError if `num` inputs are too few for one session."""
    others = design.num_practice + design.num_checks
    if num < design.num_trials:
        less = f"--num-counted {num - others} or less" if num > others else "fewer trials of each kind"
        remedy = (
            f"with num_practice = {design.num_practice} and num_checks = {design.num_checks} one session takes "
            f"{design.num_trials} different images, and there are {num}; give more of them, or ask for {less}."
        )
        raise ConfigError("num_counted", design.num_counted, remedy)


def judged(design: Design) -> tuple[str, ...]:
    """Whose images a session needs: of one input each where these belong to inputs."""
    return (*design.contestants, *((TRUTH,) if design.protocol == "real-or-fake" else ()))


class _Pool:
    """Inputs that the participant has not seen."""

    def __init__(self, design: Design, chance: random.Random) -> None:
        self.design, self.chance = design, chance
        self._left = sorted(design.images)
        chance.shuffle(self._left)

    def take(self, *who: str) -> tuple[str, dict[str, str]]:
        """An input with images of all of these, and its files: it is gone then."""
        images = self.design.images
        name = next(name for name in self._left if all(each in images[name] for each in who))
        self._left.remove(name)
        return name, images[name]

    def take_check(self) -> tuple[str, dict[str, str], str]:
        """An input, its files, and its image in pieces."""
        name = next(name for name in self._left if name in self.design.checks)
        self._left.remove(name)
        return name, self.design.images[name], self.design.checks[name]

    def balanced(self, options: Sequence[T], num: int) -> list[T]:
        """`num` of the options in an order by chance: each as often as any other, or once more."""
        rounds, rest = divmod(num, len(options))
        drawn = list(options) * rounds + self.chance.sample(list(options), rest)
        self.chance.shuffle(drawn)
        return drawn


def _real_or_fake(pool: _Pool, method: str, *, num: int, part: Part) -> list[Trial]:
    trials = []
    for side in pool.balanced((0, 1), num):
        if pool.design.is_paired:
            name, files = pool.take(method, TRUTH)
            fake, real = files[method], files[TRUTH]
        else:
            name, files = pool.take(method)
            fake, real = files[method], pool.take(TRUTH)[1][TRUTH]
        trials.append(
            Trial(
                part=part,
                method=method,
                image=name,
                files=_on_side(fake, real, side),
                # it was taken for the real one by who calls the other the fake
                choices=_on_side(0.0, 1.0, side),
            )
        )
    return trials


def _realness(pool: _Pool, contestants: Sequence[str], *, num: int) -> list[Trial]:
    trials = []
    for who in pool.balanced(contestants, num):
        name, files = pool.take(*(contestants if pool.design.is_paired else (who,)))
        grades = tuple(float(grade) for grade in range(NUM_GRADES))
        trials.append(Trial(part="counted", method=who, image=name, files=(files[who],), choices=grades))
    return trials


def _preference(pool: _Pool, contestants: Sequence[str], *, num: int) -> list[Trial]:
    pairs = pool.balanced(list(combinations(contestants, 2)), num)
    sides = pool.balanced((0, 1), num)
    trials = []
    for (method, rival), side in zip(pairs, sides, strict=True):
        name, files = pool.take(*contestants)
        trials.append(
            Trial(
                part="counted",
                method=method,
                rival=rival,
                image=name,
                files=(*_input_of(files), *_on_side(files[method], files[rival], side)),
                choices=_on_side(1.0, 0.0, side),
            )
        )
    return trials


def _odd_ones(pool: _Pool, method: str, *, shows_input: bool = False) -> list[Trial]:
    """An image beside itself in pieces: which is the fake, or which is better?"""
    trials = []
    for side in pool.balanced((0, 1), pool.design.num_checks):
        name, files, pieces = pool.take_check()
        whole = files.get(TRUTH) or files[method]
        picked = (0.0, 1.0) if shows_input else (1.0, 0.0)
        trials.append(
            Trial(
                part="attention",
                method=method,
                image=name,
                files=(*(_input_of(files) if shows_input else ()), *_on_side(pieces, whole, side)),
                choices=_on_side(*picked, side),
            )
        )
    return trials


def _pieces(pool: _Pool) -> list[Trial]:
    """An image in pieces, which cannot be called realistic."""
    right = tuple(float(grade < _LOWEST) for grade in range(NUM_GRADES))
    taken = [pool.take_check() for _ in range(pool.design.num_checks)]
    return [
        Trial(part="attention", method=TRUTH, image=name, files=(pieces,), choices=right) for name, _, pieces in taken
    ]


def _input_of(files: dict[str, str]) -> tuple[str, ...]:
    return (files[INPUT],) if INPUT in files else ()


def _on_side(one: T, other: T, side: int) -> tuple[T, T]:
    """`one` on a side, 0 or 1, and `other` on the other."""
    return (other, one) if side else (one, other)


def _mixed(counted: Sequence[Trial], checks: Iterable[Trial], chance: random.Random) -> list[Trial]:
    """Checks among the others: never at the beginning."""
    mixed = list(counted)
    for check in checks:
        mixed.insert(chance.randint(min(2, len(mixed)), len(mixed)), check)
    return mixed
