"""Files that cannot be stored beside most of their view."""

from sharding.format.codec.kinds import Traits
from sharding.inputs.catalogue import Catalogue
from sharding.rendering.options import ImageOptions
from sharding.work.problems import Problems


def reject_strangers(catalogue: Catalogue, view: str, *, options: ImageOptions, problems: Problems) -> None:
    """Files that cannot be stored beside most of their view."""
    most = most_common(catalogue, view, problems=problems)
    if options.is_original:
        _reject_other_formats(catalogue, view, most, problems=problems)
    if view == options.classes_view:
        return
    is_color = most.dtype == "uint8" and most.colors in (1, 3)
    colors = (1, 3) if is_color else (most.colors,)
    catalogue.reject_kinds(
        view,
        lambda kind: kind.dtype != most.dtype or kind.colors not in colors,
        problems=problems,
        headline=(
            f"image of view {view!r} differs",
            f"images of view {view!r} differ",
            f"in type from most, which are {most.colors} channels of {most.dtype}; convert them",
        ),
        reason=lambda kind: f"{kind.channels} channels of {kind.dtype}",
    )
    if options.is_original:
        _reject_uncopiable(catalogue, view, most, options=options, problems=problems)


def most_common(catalogue: Catalogue, view: str, *, problems: Problems) -> Traits:
    """What most files of a view are. Raises DatasetError with all that was found if none is left."""
    kinds = catalogue.kinds(view)
    if not kinds:
        raise problems.nothing_left(f"No usable image of view {view!r} is left.")
    return kinds[0]


def _reject_other_formats(catalogue: Catalogue, view: str, most: Traits, *, problems: Problems) -> None:
    """All files of a view have one suffix in the shards, so one that is copied must be what it says."""
    catalogue.reject_kinds(
        view,
        lambda kind: kind.format != most.format,
        problems=problems,
        headline=(
            f"image of view {view!r} is",
            f"images of view {view!r} are",
            f"not {most.format} files like most; use --store encoded, or convert them",
        ),
        reason=lambda kind: kind.format,
    )


def _reject_uncopiable(
    catalogue: Catalogue, view: str, most: Traits, *, options: ImageOptions, problems: Problems
) -> None:
    catalogue.reject_kinds(
        view,
        lambda kind: kind.channels != most.channels,
        problems=problems,
        headline=(
            f"image of view {view!r} does not",
            f"images of view {view!r} do not",
            f"have {most.channels} channels like most; use --store encoded, or convert them",
        ),
        reason=lambda kind: f"{kind.channels} channels",
    )
    if options.alpha != "keep":
        catalogue.reject_kinds(
            view,
            lambda kind: kind.has_alpha,
            problems=problems,
            headline=(
                "image has",
                "images have",
                "an alpha channel; give --alpha keep, or --store encoded --alpha drop",
            ),
            reason=lambda kind: "has an alpha channel",
        )
    if most.dtype == "uint8" and most.channels in (1, 3) and most.format != "npy":
        _reject_ambiguous(catalogue, view, problems=problems)


def _reject_ambiguous(catalogue: Catalogue, view: str, *, problems: Problems) -> None:
    """What programs do not read alike."""
    catalogue.reject_kinds(
        view,
        lambda kind: not kind.is_plain,
        problems=problems,
        headline=(
            "image is",
            "images are",
            "read differently by different programs (CMYK, a palette, an EXIF turn); use --store encoded",
        ),
        reason=lambda kind: "CMYK, a palette, an EXIF turn or the like",
    )
