"""What is wrong with a data set, and what its owner should look at: pure functions of what was found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sharding.console import counted
from sharding.examining.found import ClassesFound, Found, PairFound, TwinsFound, ViewFound
from sharding.examining.summed import SHARP

_MANY_SHIFTED = 0.05
"""Of the pairs: fewer are told as worth a look, since repeated patterns, as rows of windows, fit in several places."""
_LEAST_PAIRS = 16
"""For what is told of all pairs together."""
_CROSSED, _CROSSED_DEVIATIONS = -0.3, -8.0
"""Correlation of red less blue below which colours look swapped, and how far from chance it must be."""
_RARE_PIXELS, _RARE_PICTURES = 0.001, 0.01
_MUCH_VOID = 0.2
_UNEVEN = 20
"""Times as many samples as of the rarest value."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about a data set."""

    kind: str
    """Of all findings of this kind, e.g. `twins across splits`."""
    text: str
    """What is, and the remedy."""
    is_wrong: bool
    """Scores or training would be wrong; else it is worth a look."""
    view: str | None = None
    """The one that it is about, if it is about one alone."""
    samples: list[str] = field(default_factory=list)
    """The first concerned: `split/key`, of twins `split/key ~ split/key`, and a shift in parentheses behind."""


def judge(found: Found) -> list[Finding]:
    """All findings: what is wrong first."""
    findings = [
        *_unreadable(found),
        *(finding for view, twins in found.twins.items() for finding in _twins(view, twins, found)),
        *(finding for pair in found.pairs for finding in _pair(pair)),
        *(finding for view, pictures in found.views.items() for finding in _view(view, pictures)),
        *(finding for view, classes in found.classes.items() for finding in _classes(view, classes)),
        *_labels(found),
        *_names(found),
    ]
    return sorted(findings, key=lambda finding: not finding.is_wrong)


def _unreadable(found: Found) -> Iterator[Finding]:
    bad = found.unreadable
    if bad.num:
        text = f"{counted(bad.num, 'sample')} cannot be read. {found.problems[0]}"
        yield Finding(kind="unreadable", text=text, is_wrong=True, samples=bad.samples)


def _twins(view: str, twins: TwinsFound, found: Found) -> Iterator[Finding]:
    for splits, number in twins.num_across.items():
        here, there = splits.split(" -> ")
        if here == "train":
            continue  # told from the other side
        total = found.splits[here][view]
        names = [
            f"{pair.second} ~ {pair.first}" if pair.first.startswith(f"{there}/") else f"{pair.first} ~ {pair.second}"
            for pair in twins.examples
            if {pair.first.partition("/")[0], pair.second.partition("/")[0]} == {here, there}
        ]
        text = (
            f"{number} of {total} pictures of view {view!r} in {here} are in {there}, too, the same or nearly: scores "
            f"of {here} tell less than they seem to. Keep what belongs together in one split (--split-by, "
            "--split-list), or leave the twins out."
        )
        yield Finding(kind="twins across splits", text=text, is_wrong=True, view=view, samples=names)
    for split, number in twins.num_within.items():
        text = f"{number} pictures of view {view!r} in {split} have a twin there: they count more than others."
        names = [f"{pair.first} ~ {pair.second}" for pair in twins.examples if pair.first.startswith(f"{split}/")]
        names = [name for name in names if f"~ {split}/" in name]
        yield Finding(kind="twins within a split", text=text, is_wrong=False, view=view, samples=names)
    if not twins.is_whole:
        text = f"So many pictures of view {view!r} look alike that not all were compared: there may be more twins."
        yield Finding(kind="twins not all compared", text=text, is_wrong=False)


def _pair(pair: PairFound) -> Iterator[Finding]:
    first, second = pair.first, pair.second
    common = max(abs(pair.common_down), abs(pair.common_right))
    if common and pair.num >= _LEAST_PAIRS:
        text = (
            f"In all pairs together what view {second!r} shows lies {_moved(pair.common_down, pair.common_right)} of "
            f"where {first!r} shows it (sharpness {pair.common_sharpness:.0f}, chance is below {SHARP:.0f}). Move it "
            "back before sharding."
        )
        yield Finding(kind="common shift", text=text, is_wrong=common >= 2)
    if pair.shifted.num:
        text = (
            f"{counted(pair.shifted.num, 'pair')} of {pair.num}: view {second!r} fits {first!r} better at another "
            "place. Look at them: repeated patterns may fit in several."
        )
        names = [f"{name} ({_moved(*shift)})" for name, shift in zip(pair.shifted.samples, pair.shifts, strict=True)]
        is_wrong = pair.shifted.num > _MANY_SHIFTED * pair.num
        yield Finding(kind="misaligned pairs", text=text, is_wrong=is_wrong, samples=names)
    if pair.swapped.num:
        text = (
            f"{counted(pair.swapped.num, 'sample')} of {pair.num} look as if views {first!r} and {second!r} had "
            "changed places, by their brightness, contrast, colour and detail. Look at them."
        )
        yield Finding(kind="swapped views", text=text, is_wrong=False, samples=pair.swapped.samples)
    yield from _red_blue(pair)


def _red_blue(pair: PairFound) -> Iterator[Finding]:
    if pair.red_blue is None or pair.num_red_blue < _LEAST_PAIRS:
        return
    if pair.red_blue < _CROSSED and pair.red_blue_deviations < _CROSSED_DEVIATIONS:
        text = (
            f"Where view {pair.first!r} is redder, {pair.second!r} is bluer: correlation {pair.red_blue:+.2f} over "
            f"{pair.num_red_blue} pairs. Red and blue of one of them may be swapped (BGR, as OpenCV "
            "writes); which of them, or whether the views are meant so, pictures alone do not tell."
        )
        yield Finding(kind="channel order", text=text, is_wrong=False)


def _moved(down: float, right: float) -> str:
    """`5 px below and 3 px left`."""
    parts = []
    if down:
        parts.append(f"{abs(down):g} px {'below' if down > 0 else 'above'}")
    if right:
        parts.append(f"{abs(right):g} px {'right' if right > 0 else 'left'}")
    return " and ".join(parts) or "in place"


def _view(view: str, found: ViewFound) -> Iterator[Finding]:
    kinds = (
        ("constant pictures", found.constant, "are of one value only"),
        ("flat pictures", found.flat, "show next to nothing (standard deviation below 2 of 255)"),
        ("clipped pictures", found.clipped, "have a quarter or more of their values at an end of the range"),
        ("grey pictures", found.grey, "are grey, where most have colours"),
    )
    for kind, those, text in kinds:
        if those.num and (kind != "clipped pictures" or those.num * 2 < found.num):
            words = f"{those.num} of {found.num} pictures of view {view!r} {text}."
            is_wrong = kind == "constant pictures" and those.num * 2 > found.num
            yield Finding(kind=kind, text=words, is_wrong=is_wrong, view=view, samples=those.samples)
    low, high = found.value_range
    if found.high <= low or found.low >= high or found.high - found.low <= (high - low) / 16:
        text = (
            f"Values of view {view!r} go from {found.low:g} to {found.high:g}, where its range is {low:g}:{high:g}: "
            f"all look alike in training. Shard it with --value-range {view}=auto."
        )
        yield Finding(kind="value range", text=text, is_wrong=found.high <= low or found.low >= high)


def _classes(view: str, found: ClassesFound) -> Iterator[Finding]:
    absent = [name for name, number in found.pictures.items() if not number]
    if absent:
        text = f"View {view!r} never shows {_listed(absent)}: check --classes."
        yield Finding(kind="unused classes", text=text, is_wrong=False)
    rare = [
        f"{name} ({found.shares[name]:.2%} of the pixels, {number} pictures)"
        for name, number in found.pictures.items()
        if number and (found.shares[name] < _RARE_PIXELS or number < _RARE_PICTURES * found.num)
    ]
    if rare:
        text = f"View {view!r} hardly shows {_listed(rare)}: scores of these classes will be noise."
        yield Finding(kind="rare classes", text=text, is_wrong=False)
    if found.none > _MUCH_VOID:
        text = f"{found.none:.0%} of the pixels of view {view!r} are of no class; no class score counts them."
        yield Finding(kind="much of no class", text=text, is_wrong=False)


def _labels(found: Found) -> Iterator[Finding]:
    for label, splits in found.labels.items():
        trained = splits.get("train", {})
        for split, counts in splits.items():
            strange = [name for name, number in counts.items() if number and not trained.get(name)]
            if split != "train" and strange:
                text = f"Label {label!r}: no sample of train is {_listed(strange)}, which {split} has."
                yield Finding(kind="labels not trained on", text=text, is_wrong=True)
        counts = {name: number for name, number in trained.items() if number}
        if not counts:
            continue
        least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        if counts[most] >= _UNEVEN * counts[least]:
            text = f"Label {label!r} is uneven in train: {counts[most]} are {most!r}, {counts[least]} {least!r}."
            yield Finding(kind="uneven labels", text=text, is_wrong=False)


def _names(found: Found) -> Iterator[Finding]:
    for alike in found.alike_names:
        text = (
            f"Names of {alike.num_samples} samples of {alike.split} differ from names in train by their last "
            f"number only ({counted(alike.num_groups, 'beginning')} in common): frames of one scene? --split-by keeps "
            "them together."
        )
        names = [f"{alike.split}/{one} ~ train/{other}" for one, other in alike.examples]
        yield Finding(kind="alike names", text=text, is_wrong=False, samples=names)


def _listed(names: Sequence[str], *, most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
