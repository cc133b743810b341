"""The catalogue of scores: what each is called, how it is shown, which way is better, and what it needs.

All that shows, compares or chooses by scores reads it here: evaluation, console, report, sweeps, tables, W&B. A new
metric is a file in `metrics/` and its row. Imports no torch.
"""

from collections.abc import Iterator
from typing import Literal

from trainer.config.encoders import ENCODERS, EncoderName
from trainer.config.errors import ConfigError
from trainer.data.subject import Subject
from trainer.evaluation.score import LEAST_OF_SCALES, LEAST_OF_STAGES, PATTERN, Need, Score
from trainer.evaluation.set_rows import rows_of_encoder

BASELINES = {"baseline/mean": "mean image", "baseline/identity": "identity", "baseline/real": "real images"}
"""Prefixes of keys, and what stands behind them. Real images are no rival: what the truth scores is the ceiling."""

_METRICS = "trainer.evaluation.metrics"


def _catalogue() -> Iterator[Score]:
    """The order is that of computing and showing; of patterns, the first that fits a name counts."""
    pairs, classes = frozenset[Need]({"pairs"}), frozenset[Need]({"pairs", "classes"})
    way_back, labels = frozenset[Need]({"way back"}), frozenset[Need]({"labels"})
    db = {"unit": "dB", "digits": 2}
    yield Score(name="psnr", title="PSNR", **db, needs=pairs, metric=f"{_METRICS}.psnr", is_headline=True)
    enlarged = frozenset[Need]({"pairs", "enlarged"})
    yield Score(name="psnr_y", title="PSNR of luma", **db, needs=enlarged, metric=f"{_METRICS}.psnr_y")
    yield Score(name="ssim", title="SSIM", needs=pairs, metric=f"{_METRICS}.ssim", is_headline=True)
    large = frozenset[Need]({"pairs", "large"})
    yield Score(name="ms_ssim", title="MS-SSIM", needs=large, metric=f"{_METRICS}.ms_ssim")
    yield from _of_classes(needs=classes, metric=f"{_METRICS}.segmentation")
    yield from _of_classes("fcn_", "FCN ", needs=frozenset[Need]({"fcn"}))
    mask = frozenset[Need]({"mask"})
    yield Score(name="masked_psnr", title="PSNR within the mask", **db, needs=mask)
    yield Score(name="masked_ssim", title="SSIM within the mask", needs=mask)
    yield from _of_classes("masked_", "within the mask: ", needs=mask)
    yield Score(name="own/{name}", title="{name}", needs=frozenset())
    yield Score(name="own_less/{name}", title="{name}", needs=frozenset(), better="lower")
    for encoder in ENCODERS:
        yield from rows_of_encoder(encoder)
    yield Score(name="round_trip_psnr", title="PSNR, there and back", **db, needs=way_back)
    yield Score(name="back_psnr", title="PSNR, b to a", **db, needs=way_back | pairs)
    yield Score(name="label_accuracy", title="wanted label read", needs=labels)
    yield Score(name="label_accuracy_real", title="label read of real images", needs=labels, is_reference=True)
    yield Score(name="label_accuracy_chance", title="label by chance", needs=labels, is_reference=True)
    yield Score(name="kept_{name}_real", title="{name} read of originals", needs=labels)
    yield Score(name="kept_{name}", title="{name} kept", needs=labels)


def _of_classes(name: str = "", title: str = "", *, needs: frozenset[Need], metric: str = "") -> Iterator[Score]:
    """Rows of one confusion matrix. Args: name, title: what stands before each."""
    for own, its_title, is_detail in (
        ("pixel_accuracy", "pixel accuracy", False),
        ("class_accuracy", "class accuracy, mean", False),
        ("class_accuracy_absent_as_zero", "class accuracy, absent = 0", True),
        ("miou", "class IoU, mean", False),
        ("miou_absent_as_zero", "class IoU, absent = 0", True),
        ("accuracy/{name}", "class accuracy: {name}", True),
        ("iou/{name}", "class IoU: {name}", True),
    ):
        yield Score(
            name=f"{name}{own}",
            title=f"{title}{its_title}",
            needs=needs,
            metric=metric,
            is_detail=is_detail,
            is_headline=own == "miou",
        )


SCORES: dict[str, Score] = {score.name: score for score in _catalogue()}
"""The rows by name."""


def find(name: str) -> Score:
    """The row of a score, with its own name and title where the row stands for many.

    One that is not in the catalogue, of a file that another version wrote, is shown by its name; more is better.
    """
    if name in SCORES:
        return SCORES[name]
    for row in SCORES.values():
        before, is_pattern, after = row.name.partition(PATTERN)
        is_long_enough = len(name) > len(before) + len(after)
        if is_pattern and is_long_enough and name.startswith(before) and name.endswith(after):
            inner = name.removeprefix(before).removesuffix(after)
            return _of_one(row, name=name, title=row.title.replace(PATTERN, inner))
    return Score(name=name, title=name, needs=frozenset(), is_detail="/" in name)


def _of_one(row: Score, *, name: str, title: str) -> Score:
    """The row of one class; not by `replace`, whose result would be taken for a pattern if a class were called so."""
    return Score(
        name=name,
        title=title,
        better=row.better,
        unit=row.unit,
        digits=row.digits,
        needs=row.needs,
        is_detail=row.is_detail,
        is_headline=row.is_headline,
    )


def find_key(key: str) -> Score:
    """The row of `eval/psnr`, `baseline/mean/psnr` or `baseline/identity/psnr`."""
    kind, _, name = key.partition("/")
    return find(name.partition("/")[2] if kind == "baseline" else name)


def heading_of(key: str) -> str:
    """`baseline/mean/psnr` -> `PSNR, mean image`."""
    baseline = [title for prefix, title in BASELINES.items() if key.startswith(f"{prefix}/")]
    return ", ".join([find_key(key).heading, *baseline])


def objectives() -> dict[str, Score]:
    """What sweeps and best checkpoints can choose by, by key: `eval/psnr`, ..."""
    return {f"eval/{row.name}": row for row in SCORES.values() if row.is_objective}


def summaries() -> dict[str, Literal["max", "min"]]:
    """Which value of a run stands for it, by key. Not of rows that stand for many, of which the last value does: W&B
    has a `*` for all metrics already, and of two that fit it does not take the longer one.
    """
    return {f"eval/{row.name}": row.mode for row in SCORES.values() if not row.is_pattern}


def met_needs(subject: Subject) -> frozenset[Need]:
    """What the run's data and what its method can do have for metrics: see `Need`."""
    method = subject.method
    met: set[Need] = set()
    if method.translates:
        met.add("sets")
        if subject.knows_truth:
            met.add("pairs")
            if min(subject.data.crop_shape) >= LEAST_OF_SCALES:
                met.add("large")
            if min(subject.data.crop_shape) >= LEAST_OF_STAGES:
                met.add("medium")
        if subject.manifest.classes and subject.view_b.renders_classes:
            met.add("classes")
        if subject.data.degrade.kind == "downscale" and subject.view_b.channels == 3:
            met.add("enlarged")
    if method.draws:
        met.add("drawn")
    if method.translates_back:
        met.add("way back")
    # of unpaired images, labels are those of views a
    if subject.data.label is not None and method.shows_labels and subject.knows_truth:
        met.add("labels")
    return frozenset(met)


def available_objectives(
    subject: Subject, *, encoder: EncoderName | None = None, fcn: bool = False
) -> dict[str, Score]:
    """Those of `objectives` that the run's data can have, by key.

    Args:
        encoder: by whose features the watched split is scored on the way, if by any; see `EvaluateConfig.on_the_way`.
        fcn: whether a segmentation network judges it, too.
    """
    met = met_needs(subject) | {"fcn"} if fcn else met_needs(subject)
    return {
        key: score
        for key, score in objectives().items()
        if score.needs <= met and (not score.encoder or not why_not_encoded(score, subject, encoder=encoder))
    }


def why_not_encoded(score: Score, subject: Subject, *, encoder: EncoderName | None, split: str | None = None) -> str:
    """Why a score by an encoder is not found on a split, for people; empty where it is.

    Args:
        encoder: the one that is used, if one is.
        split: the watched one unless given.
    """
    split = split or subject.watched_split
    if score.encoder != encoder:
        return f"is found on the way with evaluate.encoder = {score.encoder!r} and evaluate.encoded = 'always'"
    if subject.view_b.channels not in (1, 3):
        return f"its encoder sees grey or RGB images, and view {subject.data.view_b!r} has other channels"
    both = not (subject.knows_truth or "drawn" in score.needs)
    views = [subject.data.view_b, *[subject.data.view_a] * both]
    num_images = min(subject.num_images(split, view) for view in views)
    if num_images < score.fewest:
        return f"needs {score.fewest} images, and split {split} has {num_images}"
    return ""


def encoded_scores(subject: Subject, encoder: EncoderName, split: str) -> dict[str, str]:
    """Titles of the scores by an encoder that the run's data and method can have, and why one is left out, if it is."""
    met = met_needs(subject)
    rows = [row for row in SCORES.values() if row.encoder == encoder and row.needs <= met]
    return {row.title: why_not_encoded(row, subject, encoder=encoder, split=split) for row in rows}


def why_absent(key: str, subject: Subject, *, encoder: EncoderName | None = None) -> str:
    """The first of a score's needs that the run's data and method do not meet, as a reason for people."""
    method, score = subject.method, find_key(key)
    missing = score.needs - met_needs(subject)
    if not missing:
        return why_not_encoded(score, subject, encoder=encoder)
    if missing & {"pairs", "sets", "classes", "enlarged", "large", "medium"} and not method.translates:
        return f"judges translations, and method.name = {method.name!r} makes none"
    return next(reason for need, reason in _reasons(subject).items() if need in missing)


def _reasons(subject: Subject) -> dict[Need, str]:
    """Why each need is not met, where it is not; those that say most come first."""
    method, data = subject.method, subject.data
    wanted = f"data.label = {data.label!r}, method.name = {method.name!r} make none"
    return {
        "drawn": f"judges images drawn from noise, and method.name = {method.name!r} draws none",
        "way back": f"judges the way from b to a, which method.name = {method.name!r} does not have",
        "fcn": "is given by a segmentation network: evaluate.fcn, or `diptych evaluate RUN --fcn FILE`",
        "mask": "is of the pixels that a mask leaves: `diptych evaluate RUN --mask-view NAME`",
        "pairs": f"compares pairs, and of {data.path} it is not known which images belong together",
        "classes": f"view {data.view_b!r} shows no classes",
        "large": f"needs images of {LEAST_OF_SCALES} pixels a side: data.crop_size = {data.crop_size}",
        "medium": f"needs images of {LEAST_OF_STAGES} pixels a side: data.crop_size = {data.crop_size}",
        "enlarged": f"judges colour images made larger: data.degrade.kind = {data.degrade.kind!r}",
        "labels": f"judges images of a wanted label: {wanted}",
    }


def check_kept_score(
    kept: str | None, subject: Subject, *, encoder: EncoderName | None = None, fcn: bool = False
) -> None:
    """Raises ConfigError if the best checkpoint is to be chosen by a score that the run will not have."""
    available = available_objectives(subject, encoder=encoder, fcn=fcn)
    if kept is None or kept in available:
        return
    fault = why_absent(kept, subject, encoder=encoder) if kept in objectives() else "is no score to choose by"
    there_are = ", ".join(available) or "none; use None"
    raise ConfigError("checkpoint.keep_best", kept, f"{fault}. Of {subject.data.path} there are: {there_are}.")
