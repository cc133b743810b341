"""Translates folders of pictures of any size with a trained run."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from sharding.console import PlainConsole
from sharding.storage.place import Place
from trainer.inference.events import Done, Failed
from trainer.inference.journal import Journal
from trainer.inference.manner import PLAIN, Manner
from trainer.inference.media.kinds import medium_of
from trainer.inference.own_labels import OwnLabels, own_numbers
from trainer.inference.plan import Direction, TranslationPlan, plan_translation, result_view
from trainer.inference.processes import Crew, devices_of
from trainer.inference.result import Ledger, TranslationResult, progress_bar
from trainer.inference.shards.listing import Listing
from trainer.inference.share import Call, Item, Shares, share_out
from trainer.inference.sources import Source
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.pictures.files import UnreadablePictureError
from trainer.pictures.kinds import result_suffix
from trainer.runs.opened import OpenRun


def translate_folder(
    opened: OpenRun,
    *,
    source: Place,
    destination: Path,
    device: torch.device,
    checkpoint: Path | None = None,
    direction: Direction = "a2b",
    label: str | None = None,
    own_labels: OwnLabels | None = None,
    num: int = 1,
    style: Path | None = None,
    seed: int = 0,
    usage: Usage = AS_THE_METHOD,
    manner: Manner = PLAIN,
    overwrite: bool = False,
    journal: Journal | None = None,
    num_procs: int | None = 1,
    listing: Listing | None = None,
    console: PlainConsole,
) -> TranslationResult:
    """Translate each picture in `source` with a run's newest (or the given) checkpoint, to files of the target view.

    Sub-folders and names are kept; type, channels and range of values are the target view's, and `result_suffix` tells
    the kind of file. A picture that fails is noted in the result; the others are translated.
    Noise of the method follows from the seed and the result's relative name.

    Args:
        direction: `b2a` with methods that translate both ways.
        label: name of the label that the pictures are to show, with methods that can change it.
        own_labels: what tells those labels of a picture that the method keeps meanwhile.
        num: variations of each picture, with methods that have any.
        style: a picture of view b that translations are to look like, with methods that can.
        journal: of `destination`: what an earlier call has made is not made again.
        manner: by tiles or whole, once or to see how sure a translation is.
        num_procs: processes that share the pictures; files are the same with any number. None: one, or one on each GPU.
        listing: of the samples to be translated, where `source` is shards.

    Raises:
        ConfigError: see `load_translator`, `plan_translation` and `choose_operation`.
        OSError: a result cannot be written; those before it are whole.
        ProcessError: one of the processes has ended.
    """
    plan = plan_translation(
        source,
        destination,
        suffix=result_suffix(result_view(opened.subject, direction=direction)),
        overwrite=overwrite,
        num=num,
        manner=manner,
        journal=journal,
        listing=listing,
    )
    call = Call(
        opened=opened,
        destination=destination,
        checkpoint=checkpoint,
        direction=direction,
        label=label,
        num=num,
        style=style,
        seed=seed,
        usage=usage,
        manner=manner,
    )
    devices = devices_of(device, num_procs)
    return _carry_out(call, plan, devices=devices, own_labels=own_labels, journal=journal, console=console)


def _carry_out(
    call: Call,
    plan: TranslationPlan,
    *,
    devices: Sequence[torch.device],
    own_labels: OwnLabels | None,
    journal: Journal | None,
    console: PlainConsole,
) -> TranslationResult:
    may_pass = call.num == 1 and own_labels is None and call.manner.is_plain
    with Crew(call, devices=devices) as crew, progress_bar(console) as progress:
        result = TranslationResult(
            position=crew.position, failed=dict(plan.failed), others=plan.others, hidden=plan.hidden
        )
        targets = plan.targets if journal is None else journal.begin(plan.targets, position=crew.position)
        result.kept.extend(plan.targets.keys() - targets.keys())
        ledger = Ledger(result, journal=journal, progress=progress, total=len(targets))
        shares = _shared_out(plan, targets, may_pass=may_pass)
        if own_labels is not None:
            labelled = _labelled(shares.alone, call.opened, own_labels=own_labels, ledger=ledger)
            shares = replace(shares, alone=labelled)
        crew.work(shares, ledger.take)
    return result


def _shared_out(plan: TranslationPlan, wanted: Collection[Source], *, may_pass: bool) -> Shares:
    """Args: may_pass: whether plain pictures may pass through the networks together."""
    items = [Item(source=source, targets=made) for source, made in plan.targets.items()]
    is_plain = [may_pass and medium_of(source) == "picture" for source in plan.targets]
    return share_out(items, is_plain=is_plain, wanted=set(wanted))


def _labelled(items: Sequence[Item], opened: OpenRun, *, own_labels: OwnLabels, ledger: Ledger) -> list[Item]:
    """With the labels of their own that the method keeps; what has none is told, and left out."""
    labelled = []
    for item in items:
        try:
            labelled.append(replace(item, own=own_numbers(item.source, opened.subject, own_labels)))
        except UnreadablePictureError as error:
            ledger.take(Failed(source=item.source, reason=str(error)))
            ledger.take(Done(source=item.source))
    return labelled
