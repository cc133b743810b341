"""Scores of a run: computed, written down, shown."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch
from rich.console import Console
from rich.table import Table

from sharding.console import one_line
from trainer.config.encoders import EncoderName
from trainer.evaluation.bootstrap import LEVEL, RESAMPLES, Interval
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder
from trainer.evaluation.evaluator import SplitEvaluator, scored_view
from trainer.evaluation.extremes import Extremes, write_extremes
from trainer.evaluation.group_tables import group_tables
from trainer.evaluation.judges.asked import NOTHING, Asked
from trainer.evaluation.judges.group_judge import take_groups
from trainer.evaluation.judges.opened import open_judges
from trainer.evaluation.kept_translations import KeptTranslations
from trainer.evaluation.samples import SamplePictures
from trainer.evaluation.shown import show_evaluation
from trainer.evaluation.tables import plain_table, scores_table, table_title
from trainer.inference.translator import chosen_checkpoint, load_translator
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.monitoring.evaluated import Evaluated
from trainer.ranks.world import World, lone_world
from trainer.runs import formats
from trainer.runs.opened import OpenRun
from trainer.runs.rundir import RunDir

Tell = Callable[[int, int], None] | None
"""Hears how many images have passed, and of how many."""

Groups = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Label -> its value -> `num_images`, `scores` and `intervals` of the images that have it."""


def evaluate_run(
    opened: OpenRun,
    *,
    split: str | None = None,
    device: torch.device,
    checkpoint: Path | None = None,
    usage: Usage = AS_THE_METHOD,
    asked: Asked = NOTHING,
    encoder: EncoderName | Literal["none"] | None = None,
    encoder_weights: Path | None = None,
    console: Console,
    tell: Tell = None,
    hear: Callable[[Evaluated], None] = lambda found: None,
) -> dict[str, float]:
    """Score a run's newest (or the given) checkpoint, write evaluation.json and pictures.

    Scores of an earlier checkpoint than the one that stands for the split, and of networks used otherwise than the
    method has it, get an entry and a picture of their own.

    Args:
        split: unless given, the one whose scores end a run.
        asked: judges beside the scores that every run gets.
        encoder: by whose features images are compared; that of the run unless given.
        encoder_weights: its file, where it needs one; that of the run unless given.
        tell: hears how many images have passed, and of how many.
        hear: is told what was found.

    Raises:
        ConfigError: see `load_translator` and `open_judges`.
        DatasetError: the data set is damaged, or lacks the split.
    """
    run, subject, world = opened.run, opened.subject, lone_world(device)
    split = split or subject.final_split
    known = run.evaluations()  # to which the scores are added: whether it is damaged is not found out at the end
    seen_by = _open_encoder(opened, encoder, weights=encoder_weights, device=device)
    evaluator = _open_evaluator(opened, split=split, asked=asked, encoder=seen_by, world=world, tell=tell)
    folder = chosen_checkpoint(run, checkpoint)
    translator, position = load_translator(opened, device=device, checkpoint=folder, usage=usage)
    kept = KeptTranslations(opened, checkpoint=folder, split=split, usage=usage, passes=evaluator.passes)
    scores = evaluator(translator, keep=kept.of)
    kept.write()
    variant = usage.variant(of_method=translator.method.trains_at_test_time)
    entry = ", ".join(filter(None, (split, variant)))
    is_newest = not variant and _stands_for(known, split, position)
    own = "-".join(["", *variant.replace(",", "").split()])
    picture = run.evaluation_picture_of(position, is_newest=is_newest, variant=own)
    open_pictures(opened, split=split, world=world).draw(translator, picture)
    title = table_title(run, split=entry, position=position)
    about = {"split": entry, "position": position, "beside": picture, "checkpoint": folder}
    found = show_evaluation(opened, evaluator, translator, scores, **about)
    groups = _take_groups(scores, evaluator.intervals, asked.by, opened)
    told: dict[str, Any] = {"num_images": subject.num_images(split), "notes": evaluator.notes, "groups": groups}
    told |= {"scores": scores, "intervals": evaluator.intervals, "extremes": evaluator.extremes}
    write_evaluation(run, split=entry, position=position, **told)
    _tell_pictures((picture, *found.pictures.values()), as_before=kept.is_read, console=console)
    for table in (scores_table(scores, title=title, intervals=evaluator.intervals), *_tables_of(groups)):
        console.print(table)
    for note in evaluator.notes.values():
        console.print(one_line(note))
    hear(found)
    return scores


def _tell_pictures(drawn: Iterable[Path], *, as_before: bool, console: Console) -> None:
    console.print(f"pictures: {', '.join(map(str, drawn))}" + "; translations as made before" * as_before)


def _take_groups(
    scores: dict[str, float], intervals: dict[str, Interval], label: str | None, opened: OpenRun
) -> Groups:
    return {} if label is None else {label: take_groups(scores, intervals, opened.manifest.labels[label].names)}


def _tables_of(groups: Groups) -> list[Table]:
    return [plain_table(group.titles, group.rows, title=f"by {group.label}") for group in group_tables(groups)]


def _open_evaluator(
    opened: OpenRun, *, split: str, asked: Asked, encoder: Encoder | None, world: World, tell: Tell
) -> SplitEvaluator:
    subject = opened.subject
    return SplitEvaluator(
        subject,
        seed=opened.config.train.seed,
        split=split,
        world=world,
        judges=open_judges(asked, subject, view=scored_view(subject), split=split, world=world),
        encoder=encoder,
        with_intervals=True,
        tell=tell,
    )


def _open_encoder(
    opened: OpenRun, name: EncoderName | Literal["none"] | None, *, weights: Path | None, device: torch.device
) -> Encoder | None:
    """With the weights of its file read, if it has one, and found to be those that the run began with, if it did."""
    wanted = opened.config.evaluate.asked_for(name, weights)
    encoder = open_encoder(wanted.named, device=device, weights=wanted.encoder_weights, field="encoder_weights")
    if encoder is not None:
        encoder.open(expected=opened.encoders.get(encoder.name))
    return encoder


def open_pictures(opened: OpenRun, *, split: str, world: World) -> SamplePictures:
    """What draws the run's `samples.num_rows` images of a split."""
    num, seed = opened.config.samples.num_rows, opened.config.train.seed
    return SamplePictures(opened.subject, num=num, split=split, seed=seed, world=world)


def write_evaluation(
    run: RunDir,
    *,
    split: str,
    position: int,
    num_images: int,
    scores: dict[str, float],
    notes: Mapping[str, str] | None = None,
    groups: Groups | None = None,
    intervals: Mapping[str, Interval] | None = None,
    extremes: Mapping[str, Extremes] = MappingProxyType({}),
) -> None:
    """Put the scores of one split into evaluation.json; those of other splits, and of later checkpoints, stay.

    So do those of this checkpoint that were asked for before, and are not among these.

    Args:
        notes: how scores came about, by who gave them.
        groups: label -> its value -> `num_images` and `scores` of the images that have it.
        intervals: of scores that have one, by key.
        extremes: the worst and best images by scores that images have, by key.
    """
    worst_and_best = write_extremes(extremes)
    entry: dict[str, Any] = {
        "position": position,
        "num_images": num_images,
        "evaluated": datetime.now(UTC).isoformat(timespec="seconds"),
        "scores": scores,
    }
    known = run.evaluations()
    name = split if _stands_for(known, split, position) else f"{split} after {position} images"
    before = known.get(name, {})
    if before.get("position") == position:
        entry["scores"] = {**before["scores"], **scores}
        notes = {**before.get("notes", {}), **(notes or {})}
        groups = {**before.get("groups", {}), **(groups or {})}
        intervals = {**_known_intervals(before), **(intervals or {})}
        worst_and_best = {**before.get("extremes", {}), **worst_and_best}
    named = (("notes", notes), ("groups", groups), ("extremes", worst_and_best))
    entry |= {name: dict(found) for name, found in named if found}
    if intervals:
        of = {key: [*ends] for key, ends in intervals.items()}
        entry["intervals"] = {"resamples": RESAMPLES, "level": LEVEL, "of": of}
    formats.EVALUATION.write(run.evaluation_file, {"splits": known | {name: entry}})


def _known_intervals(entry: Mapping[str, Any]) -> dict[str, Interval]:
    """Those that were found as they are found now."""
    known = entry.get("intervals") or {}
    return dict(known["of"]) if (known.get("resamples"), known.get("level")) == (RESAMPLES, LEVEL) else {}


def _stands_for(known: Mapping[str, Mapping[str, Any]], split: str, position: int) -> bool:
    """Whether scores of this position stand for the run: none of a later one are known."""
    return split not in known or position >= known[split]["position"]
