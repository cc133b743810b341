"""Translations that wait in a folder become a data set, whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launch.translated_set import TranslatedSet, remove_waiting, views_of
from sharding.bars import progress_bars
from sharding.console import PlainConsole, counted
from sharding.writing.options import WriteOptions
from sharding.writing.publish import is_already_there
from sharding.writing.writer import make_dataset, recipe_of
from trainer.inference.plan import Direction
from trainer.inference.shards.listing import Listing
from trainer.pictures.kinds import result_suffix
from trainer.runs.opened import OpenRun


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How the translations of a listing become a data set."""

    source: TranslatedSet
    options: WriteOptions
    waiting: Path
    """The folder of translations."""
    checkpoint: Path
    """By which they are made."""

    def is_done(self) -> bool:
        """Whether the data set is there. Raises DatasetError if another is, and is not to be replaced."""
        recipe = recipe_of(self.source, self.options)
        return is_already_there(self.options.out.resolve(), made_by=recipe, overwrite=self.options.overwrite)

    def pack(self, console: PlainConsole) -> None:
        """Write the data set, then remove the translations that waited. Raises DatasetError."""
        with progress_bars(console) as bar:
            manifest, _ = make_dataset(self.source, self.options, progress=bar("samples"), notice=console.print)
        remove_waiting(self.waiting, self.source.files)
        num = sum(map(manifest.num_samples, manifest.splits))
        console.print(f"{counted(num, 'sample')} with views {', '.join(manifest.views)} in {self.options.out}")


def packing_of(
    listing: Listing,
    opened: OpenRun,
    *,
    waiting: Path,
    direction: Direction,
    label: str | None,
    out_view: str | None,
    checkpoint: Path | None,
    settings: Mapping[str, str],
    options: WriteOptions,
) -> Packing:
    """Raises ConfigError, OptionError or DatasetError for what cannot become a data set.

    Args:
        settings: all that decides what a picture becomes, beside the checkpoint.
    """
    views, classes = views_of(listing, opened.subject, direction=direction, label=label, name=out_view)
    suffix = result_suffix([*views.values()][-1])
    places = zip(listing.members, listing.places, strict=True)
    files = {member: waiting / place.with_name(f"{place.name}{suffix}") for member, place in places}
    from trainer.inference.translator import chosen_checkpoint  # torch: what is wrong above has been told

    chosen = chosen_checkpoint(opened.run, checkpoint)
    recipe = {"position": chosen.name, **settings}
    source = TranslatedSet(listing=listing, files=files, views=views, classes=classes, recipe=recipe)
    return Packing(source=source, options=options, waiting=waiting, checkpoint=chosen)
