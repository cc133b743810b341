"""Signs that something is wrong, in the newest lines of a run's metrics, the newest last. Pure.

Each function tells it once for each player or output that shows it, with figures.
"""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from trainer.monitoring import Metrics

_FEW, MANY = 5, 10
"""Lines in a row that must show it: each is of one step. Of a game many, because it sways."""
_COPY, _COLLAPSE, _DEAD = 0.2, 0.1, 0.05
_GUESSES = 0.56
_MIRRORED = -0.5
_SATURATED = 0.5
"""Share of values at the ends, above that of the data."""
_WAITS, _READS = 0.3, 0.5
"""Shares of the time of a step, and of the time, that are too much."""
_SLOW_RANK = 1.3
_CHECKPOINTS_TO_GO = 3
_LEAST_GIB = 0.5
_VISIBLE = 0.02
"""A difference between images, in [-1, 1], below which there is nothing to compare."""


def _names(lines: Sequence[Metrics], kind: str, last: str) -> list[str]:
    """What stands between `kind` and `last` in keys of the newest line."""
    keys = [key.split("/") for key in (lines[-1] if lines else {})]
    return [key[1] for key in keys if len(key) == 3 and (key[0], key[2]) == (kind, last)]


def _column(lines: Sequence[Metrics], key: str, num: int) -> list[float]:
    """The values of the last `num` lines; none if one of them lacks it."""
    values = [line[key] for line in lines[-num:] if key in line]
    return values if len(values) == num else []


def _always(lines: Sequence[Metrics], num: int, *tests: tuple[str, Callable[[float], bool]]) -> bool:
    """Whether each of these keys passes its test in all of the last lines."""
    columns = [(_column(lines, key, num), test) for key, test in tests]
    return all(column and all(map(test, column)) for column, test in columns)


def discriminator_wins(lines: Sequence[Metrics]) -> Iterator[str]:
    for player in _names(lines, "game", "accuracy_fake"):
        game = f"game/{player}/accuracy"
        if _always(lines, MANY, (f"{game}_real", lambda x: x >= 0.98), (f"{game}_fake", lambda x: x >= 0.98)):
            yield f"{player}: real and generated images are told apart in more than 98 % for {MANY} lines"


def discriminator_lost(lines: Sequence[Metrics]) -> Iterator[str]:
    for player in _names(lines, "game", "accuracy_fake"):
        real, fake = (_column(lines, f"game/{player}/accuracy_{of}", MANY) for of in ("real", "fake"))
        if not real or not fake:
            continue
        rates = [(one + other) / 2 for one, other in zip(real, fake, strict=True)]
        one_sided = all(abs(one - other) > 0.9 for one, other in zip(real, fake, strict=True))
        if one_sided or max(rates) < _GUESSES:
            yield f"{player}: right in {100 * median(rates):.0f} % for {MANY} lines, as one that guesses"


def _ratio(lines: Sequence[Metrics], name: str, what: str, *, num: int = _FEW) -> float | None:
    """The largest of a value of outputs against the data's; None if the data has nothing to compare with."""
    made, real = (_column(lines, f"output/{name}/{of}{what}", num) for of in ("", "real_"))
    if not made or not real or min(real) < _VISIBLE:
        return None
    ratios = [one / other for one, other in zip(made, real, strict=True)]
    return max(ratios)


def mode_collapse(lines: Sequence[Metrics]) -> Iterator[str]:
    for name in _names(lines, "output", "distance"):
        ratio = _ratio(lines, name, "distance", num=MANY)
        if ratio is not None and ratio < _COLLAPSE:
            yield f"{name}: images differ from each other by {100 * ratio:.0f} % of what the data's do"


def copies_input(lines: Sequence[Metrics]) -> Iterator[str]:
    for name in _names(lines, "output", "to_given"):
        ratio = _ratio(lines, name, "to_given")
        if ratio is not None and ratio < _COPY:
            yield f"{name}: differs from what it is made of by {100 * ratio:.0f} % of what the data does: it is a copy"


def inverted(lines: Sequence[Metrics]) -> Iterator[str]:
    for name in _names(lines, "output", "mean"):
        key = f"output/{name}"
        like_real = _column(lines, f"{key}/like_real", _FEW)
        if like_real and max(like_real) < _MIRRORED:
            yield f"{name}: the negative of what it is to be (correlation {median(like_real):.2f})"
        like_given = _column(lines, f"{key}/like_given", _FEW)
        means = zip(_column(lines, f"{key}/mean", _FEW), _column(lines, f"{key}/real_mean", _FEW), strict=False)
        is_far = all(abs(mean + real) < abs(mean - real) - 0.1 for mean, real in means)
        if not like_real and like_given and max(like_given) < _MIRRORED and is_far:
            yield f"{name}: the negative of what it is made of (correlation {median(like_given):.2f}), unlike the data"


def dead(lines: Sequence[Metrics]) -> Iterator[str]:
    for name in _names(lines, "output", "spread"):
        ratio = _ratio(lines, name, "spread", num=MANY)
        if ratio is not None and ratio < _DEAD:
            yield f"{name}: values vary by {100 * ratio:.1f} % of what the data's do"


def saturated(lines: Sequence[Metrics]) -> Iterator[str]:
    for name in _names(lines, "output", "saturated"):
        made, real = (_column(lines, f"output/{name}/{of}saturated", _FEW) for of in ("", "real_"))
        if made and real and min(one - other for one, other in zip(made, real, strict=True)) > _SATURATED:
            shares = f"{100 * median(made):.0f} % of values, and {100 * median(real):.0f} % of the data's"
            yield f"{name}: {shares}, are at the ends of their range"


def loader_bound(lines: Sequence[Metrics]) -> Iterator[str]:
    share = _column(lines, "share/data", _FEW)
    if not share or min(share) < _WAITS:
        return
    reading = _column(lines, "time/reading_share", _FEW)
    stage = "reading files" if reading and median(reading) > _READS else "decoding images"
    yield f"{100 * median(share):.0f} % of the time goes into waiting for data, most of it for {stage}"


def slow_rank(lines: Sequence[Metrics]) -> Iterator[str]:
    for line in lines[-1:]:
        if line.get("ranks/slowest_ratio", 1.0) > _SLOW_RANK:
            ratio = line["ranks/slowest_ratio"]
            yield f"rank {line['ranks/slowest']:.0f} takes {ratio:.2f} times what the fastest takes"


def disk_filling(lines: Sequence[Metrics]) -> Iterator[str]:
    for line in lines[-1:]:
        free, each = line.get("disk/free_gib"), line.get("disk/checkpoint_gib", 0.0)
        if free is not None and free < max(_LEAST_GIB, _CHECKPOINTS_TO_GO * each):
            yield f"the disk of the run has {free:.2f} GiB left, and a checkpoint takes about {each:.2f}"
