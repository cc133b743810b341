"""The tables of a report, as text: the same on the console, in Markdown and on the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sharding.console import counted
from trainer.study.report.contents import Contents
from trainer.study.statistics.counts import NUM_VALUES
from trainer.study.statistics.estimates import Estimate
from trainer.study.statistics.images import ImageScore

GRADES = ("0 missing", "1", "2", "3", "4 compelling")
NUM_IMAGES = 5
"""Most and least convincing ones that are listed of each method."""
EXTREMES = "Most and least convincing images"
DASH = "-"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text: the first column names what the others are about."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How values of a protocol are written: shares in per cent, grades as they are."""

    num_values: int

    @property
    def is_share(self) -> bool:
        return self.num_values == 2

    def number(self, value: float | None, *, unit: bool = False) -> str:
        """A mean, or a half width."""
        if value is None:
            return DASH
        return f"{100 * value:.1f}{' %' if unit else ''}" if self.is_share else f"{value:.2f}"

    def mean(self, found: Estimate) -> str:
        """With its standard error."""
        error = "" if found.error is None else f" ± {self.number(found.error)}"
        return f"{self.number(found.mean)}{error}"

    def interval(self, low: float | None, high: float | None) -> str:
        if low is None or high is None:
            return DASH
        return f"{self.number(low)} to {self.number(high)}"


def scale_of(contents: Contents) -> Scale:
    """The scale of a report's means."""
    return Scale(num_values=NUM_VALUES[contents.design.protocol])


def make_tables(contents: Contents) -> list[Table]:
    """All that have rows, the papers' first."""
    tables = [_means(contents), *_better(contents), _strengths(contents)]
    tables += [_grades(contents), _needed(contents), _images(contents), _left_out(contents)]
    return [table for table in tables if table.rows]


def name_of(found: Estimate) -> str:
    """A method, or a pair."""
    return " over ".join(found.thing)


_HEADS = {
    "real-or-fake": ("Taken for real", "labelled real, %"),
    "realness": ("Realness, from 0 to 4", "mean"),
    "preference": ("Preferred", "won, %"),
}


def _means(contents: Contents) -> Table:
    scale, protocol = scale_of(contents), contents.design.protocol
    title, head = _HEADS[protocol]
    ahead = ("P(> 50 %)",) if protocol == "preference" else ()
    chance = ("p (50 %)",) if protocol == "real-or-fake" else ()
    rows = [
        (
            name_of(found),
            scale.mean(found),
            scale.interval(found.low, found.high),
            *([_share(contents.ahead[place])] if ahead else []),
            *([_probability(found.chance)] if chance else []),
            str(found.num_participants),
            str(found.num_answers),
        )
        for place, found in enumerate(contents.estimates)
    ]
    caption = (
        f"Mean ± standard error and 95 % interval: two-level bootstrap, participants, then their trials, "
        f"{contents.num_resamples:,} resamples, seed {contents.seed}."
    )
    if chance:
        caption += " p: a t test of participants' means against chance, 50 %."
    if ahead:
        caption += " P(> 50 %): the share of resamples in which the first won more than half; ties count half."
    columns = ("pair" if ahead else "method", head, "95 % interval", *ahead, *chance, "people", "answers")
    return Table(title=title, columns=columns, rows=tuple(rows), caption=caption)


def _better(contents: Contents) -> Iterator[Table]:
    names = [name_of(found) for found in contents.estimates]
    if contents.better and len(names) > 1:
        rows = [
            (name, *(DASH if row == column else _share(value) for column, value in enumerate(values)))
            for row, (name, values) in enumerate(zip(names, contents.better, strict=True))
        ]
        caption = "Share of resamples in which the row's mean is above the column's; ties count half."
        yield Table(title="P(row > column)", columns=("", *names), rows=tuple(rows), caption=caption)


def _strengths(contents: Contents) -> Table:
    ordered = sorted(contents.strengths, key=lambda one: (-(one.value or 0.0), one.method))
    rows = [
        (
            one.method,
            DASH if one.value is None else f"{one.value:+.2f}" + ("" if one.error is None else f" ± {one.error:.2f}"),
            DASH if one.low is None or one.high is None else f"{one.low:+.2f} to {one.high:+.2f}",
        )
        for one in ordered
    ]
    caption = "Bradley-Terry: one is preferred to another with the probability 1 / (1 + exp(its strength - one's))."
    return Table(
        title="Strengths", columns=("method", "log strength", "95 % interval"), rows=tuple(rows), caption=caption
    )


def _grades(contents: Contents) -> Table:
    if contents.design.protocol != "realness":
        return Table(title="", columns=(), rows=())
    rows = [
        (name_of(found), *(f"{100 * number / found.num_answers:.0f} %" for number in found.given))
        for found in contents.estimates
    ]
    return Table(title="Grades", columns=("method", *GRADES), rows=tuple(rows))


def _needed(contents: Contents) -> Table:
    scale = scale_of(contents)
    told = [found for found in contents.estimates if found.needed]
    widths = [scale.number(half, unit=True) for half, _ in told[0].needed] if told else []
    rows = [(name_of(found), *(str(number) for _, number in found.needed)) for found in told]
    caption = (
        f"Participants of {counted(contents.design.num_counted, 'counted trial')} with whom the 95 % interval would be "
        f"the mean ± so much, by the spread of those who have answered."
    )
    columns = ("method", *(f"± {width}" for width in widths))
    return Table(title="Participants needed", columns=columns, rows=tuple(rows), caption=caption)


def extremes(images: Sequence[ImageScore]) -> dict[str, tuple[list[ImageScore], list[ImageScore]]]:
    """By method: the most convincing images, the best first, and the least, the worst first; no image is in both."""
    by_method: dict[str, list[ImageScore]] = {}
    for score in images:
        by_method.setdefault(score.method, []).append(score)
    found = {}
    for method, scores in by_method.items():
        number = min(NUM_IMAGES, len(scores) // 2)
        found[method] = (scores[:number], scores[::-1][:number])
    return found


def _images(contents: Contents) -> Table:
    scale = scale_of(contents)
    rows = [
        (f"{method}: {which}", ", ".join(f"{one.image} ({told_of(one, scale)})" for one in scores))
        for method, both in extremes(contents.images).items()
        for which, scores in zip(("most", "least"), both, strict=True)
        if scores
    ]
    return Table(
        title=EXTREMES,
        columns=("method", "images"),
        rows=tuple(rows),
        caption="Ranked with four answers added to each that are as the method's, so that few answers put none first.",
    )


def told_of(score: ImageScore, scale: Scale) -> str:
    """What was said of an image."""
    return f"{scale.number(score.mean, unit=True)} of {score.num_answers}"


def _left_out(contents: Contents) -> Table:
    rules, chosen = contents.design.rules, contents.chosen
    rows = [(one.participant, "; ".join(one.reasons)) for one in chosen.left_out]
    caption = (
        f"By the rules of study.json, fixed before the first answer: left out is who fails more than "
        f"{counted(rules.most_failed_checks, 'attention check')}, does not finish, or takes less than "
        f"{rules.least_seconds:g} s for half of the answers."
    )
    return Table(title="Participants left out", columns=("participant", "why"), rows=tuple(rows), caption=caption)


def _share(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _probability(value: float | None) -> str:
    if value is None:
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def summary(contents: Contents) -> list[str]:
    """Lines about who answered, how many count, and what browsers measured."""
    chosen, timing = contents.chosen, contents.timing
    everyone = contents.num_participants + len(chosen.left_out)
    lines = [
        f"{contents.design.protocol}: {contents.num_participants} of {counted(everyone, 'participant')} count, with "
        f"{counted(len(chosen.answers), 'answer')}."
    ]
    if timing.exposure_ms is not None:
        middle, low, high = timing.exposure_ms
        should = contents.design.exposure_ms
        asked = f" of {should} ms that were asked for" if should is not None else ""
        lines.append(f"Images were shown for {middle:.0f} ms (median; 95 of 100: {low:.0f} to {high:.0f} ms){asked}.")
    if timing.seconds is not None:
        lines.append(f"Answers took {timing.seconds:.1f} s (median).")
    if chosen.num_overexposed:
        lines.append(f"{counted(chosen.num_overexposed, 'answer')} to images that stayed too long do not count.")
    return lines
