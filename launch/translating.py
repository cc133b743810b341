"""Carries out `diptych translate`, after the options and the run were read."""

from pathlib import Path
from typing import TYPE_CHECKING

from launch.extras import require_modules
from launch.machine.devices import choose_device
from launch.own_labels import read_own_labels
from launch.packing import Packing, packing_of
from launch.translation_options import TranslateOptions, absolute
from launch.translation_shown import print_result
from sharding.console import PlainConsole, make_console
from sharding.writing.options import WriteOptions
from trainer.inference.media.kinds import MODULES, medium_of
from trainer.inference.own_labels import OwnLabels, check_own_labels, labels_of_samples
from trainer.inference.plan import plan_translation, result_view, view_names
from trainer.inference.shards.asked import is_shards
from trainer.inference.shards.listing import Listing, list_shards
from trainer.pictures.kinds import result_suffix
from trainer.ranks.collector import collector_paused
from trainer.runs.opened import OpenRun

if TYPE_CHECKING:
    from trainer.inference.result import TranslationResult


def carry_out(options: TranslateOptions, opened: OpenRun) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    listing, own_labels = _checked(options, opened)
    packing = None if listing is None or options.out_format == "files" else _packing(options, opened, listing)
    from trainer.inference.processes import ProcessError

    console = make_console()
    if packing is not None and packing.is_done():
        console.print(f"{options.destination} is there already, made by the same run of the same samples")
        return 0
    checkpoint = options.checkpoint if packing is None else packing.checkpoint
    try:
        result = _translated(options, opened, listing, own_labels, checkpoint=checkpoint, console=console)
    except (OSError, ProcessError) as error:
        console.error(getattr(error, "strerror", None) or error)
        return 1
    is_varied = options.num > 1 and options.uncertainty == "none"
    print_result(result, is_varied=is_varied, folder=options.folder, console=console)
    if result.failed and not options.skip_bad:
        return 1
    if packing is not None:
        packing.pack(console)
    return 0


def _translated(
    options: TranslateOptions,
    opened: OpenRun,
    listing: Listing | None,
    own_labels: OwnLabels | None,
    *,
    checkpoint: Path | None,
    console: PlainConsole,
) -> "TranslationResult":
    with collector_paused():
        from trainer.inference.translate import translate_folder

    return translate_folder(
        opened,
        source=options.source,
        destination=options.folder,
        device=choose_device(options.device),
        checkpoint=checkpoint,
        direction=options.direction,
        label=options.label,
        own_labels=own_labels,
        num=options.num,
        style=options.style,
        seed=options.seed,
        usage=options.used,
        manner=options.manner,
        overwrite=options.overwrite,
        journal=options.journal,
        num_procs=options.num_procs,
        listing=listing,
        console=console,
    )


def _packing(options: TranslateOptions, opened: OpenRun, listing: Listing) -> Packing:
    """How translations become a data set. Raises ConfigError, OptionError or DatasetError if they cannot."""
    settings = options.settings | {"run": absolute(options.run)}
    return packing_of(
        listing,
        opened,
        waiting=options.folder,
        direction=options.direction,
        label=options.label,
        out_view=options.out_view,
        checkpoint=options.checkpoint,
        settings=settings,
        options=WriteOptions(out=options.destination, overwrite=options.overwrite, skip_bad=options.skip_bad),
    )


def _checked(options: TranslateOptions, opened: OpenRun) -> tuple[Listing | None, OwnLabels | None]:
    """The samples of shards, and what tells the pictures' own labels.

    All that can be known before torch is loaded is in order.
    """
    listing = _listed(options, opened)
    own_labels = None if options.own_labels is None else read_own_labels(options.own_labels)
    if own_labels is None and listing is not None and options.label is not None:
        own_labels = labels_of_samples(listing.manifest, opened.subject)
    if own_labels is None or options.own_labels is not None:
        check_own_labels(opened.subject, label=options.label, own=options.own_labels)
    view = result_view(opened.subject, direction=options.direction)
    plan = plan_translation(
        options.source,
        options.folder,
        suffix=result_suffix(view),
        overwrite=options.overwrite,
        num=options.num,
        manner=options.manner,
        journal=options.journal,
        listing=listing,
    )
    require_modules(*{MODULES[medium] for medium in map(medium_of, plan.targets) if medium in MODULES})
    return listing, own_labels


def _listed(options: TranslateOptions, opened: OpenRun) -> Listing | None:
    """The samples of shards; None of files. Raises ConfigError for what belongs to shards alone, and DatasetError."""
    if is_shards(options.source):
        wanted, _ = view_names(opened.subject, direction=options.direction, label=options.label)
        data = opened.config.data
        return list_shards(options.source, split=options.split, view=options.view, wanted=wanted, data=data)
    options.refuse_shards()
    return None
