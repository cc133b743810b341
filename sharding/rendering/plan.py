"""How the images of each view are to be stored: size, channels, file format, classes; settled from all headers."""

from collections.abc import Sequence
from dataclasses import replace

from sharding.errors import DatasetError
from sharding.format import codec
from sharding.format.codec.kinds import Traits
from sharding.format.manifest import View
from sharding.inputs.catalogue import Catalogue
from sharding.inputs.checks import settle_splits
from sharding.rendering.edges import EdgeOptions, hed_method
from sharding.rendering.options import ImageOptions
from sharding.rendering.ranges import value_range
from sharding.rendering.renderer import Renderer, Rendering
from sharding.rendering.strangers import most_common, reject_strangers
from sharding.work.crew import Crew
from sharding.work.problems import Problems


def plan_rendering(
    catalogue: Catalogue,
    *,
    views: Sequence[str],
    options: ImageOptions,
    edges: EdgeOptions,
    crew: Crew,
    problems: Problems,
) -> Rendering:
    """Decide from the headers of all files.

    Raises:
        DatasetError: files that do not fit together, or the classes or the network that draws edges cannot be read.
    """
    for view in views:
        reject_strangers(catalogue, view, options=options, problems=problems)
    size = options.stored_size or (None if options.is_original else _common_size(catalogue, views, problems))
    photos = [view for view in views if view != options.classes_view]
    ranges = {view: value_range(view, catalogue, options=options, crew=crew, problems=problems) for view in photos}
    for view in views:
        most_common(catalogue, view, problems=problems)
    settle_splits(catalogue, problems, views)
    problems.check()
    classes = options.read_classes(catalogue.first(options.classes_view or views[0]).path)
    if edges.hed_weights is not None:
        hed_method(edges.hed_weights)  # now, not after hours, if it cannot be read
    renderers = {}
    for view in views:
        sizes = catalogue.sizes([view])
        stored = size or (sizes[0] if len(sizes) == 1 else None)
        info = _plan_view(view, catalogue.kinds(view), stored, options=options)
        if view in ranges:
            info = replace(info, value_range=ranges[view])
        shown = classes if view == options.classes_view else ()
        renderers[view] = Renderer(view=info, classes=shown, size=options.stored_size, options=options)
    return Rendering(renderers=renderers, classes=classes, edges=edges)


def _common_size(catalogue: Catalogue, views: Sequence[str], problems: Problems) -> tuple[int, int]:
    """The size that all images have; others are rejected."""
    size = next(iter(catalogue.sizes(views)), (0, 0))
    total = len(catalogue)
    catalogue.reject_other_sizes(
        size,
        problems=problems,
        headline=(
            f"of {total} images is",
            f"of {total} images are",
            f"not {format_size(size)} pixels like most; give --size to resize all, or remove them",
        ),
    )
    return size


def format_size(size: tuple[int, int]) -> str:
    """`512x256`."""
    return f"{size[0]}x{size[1]}"


def _plan_view(name: str, kinds: Sequence[Traits], size: tuple[int, int] | None, *, options: ImageOptions) -> View:
    """JPEG only if all files are lossy, one channel only if all are grey."""
    if name == options.classes_view:
        return _plan_classes_view(name, kinds[0].format if options.is_original else "png", size, options=options)
    width, height = size or (None, None)
    colors = max(kind.colors for kind in kinds)
    keeps_alpha = options.alpha == "keep" and any(kind.has_alpha for kind in kinds)
    channels = colors + keeps_alpha
    dtype = kinds[0].dtype
    if options.is_original:
        format = kinds[0].format
    elif options.encoding != "auto":
        format = options.encoding
    else:
        format = _auto_format(dtype, channels, is_lossy=all(kind.is_lossy for kind in kinds))
    if not options.is_original and not codec.can_encode(format, dtype=dtype, channels=channels):
        raise DatasetError(f"--encoding {format}: cannot hold the {channels} channels of {dtype} of view {name!r}.")
    return View(
        extension=f"{name}.{format}",
        channels=channels,
        dtype=dtype,
        width=width,
        height=height,
        alpha="keep" if keeps_alpha else "drop" if options.alpha == "drop" else "refuse",
    )


def _plan_classes_view(name: str, format: str, size: tuple[int, int] | None, *, options: ImageOptions) -> View:
    """Numbers in one channel, or flat colours."""
    width, height = size or (None, None)
    is_index = options.classes_as == "index"
    return View(
        extension=f"{name}.{format}",
        content="classes" if is_index else "image",
        channels=1 if is_index else 3,
        width=width,
        height=height,
        renders_classes=not is_index,
    )


def _auto_format(dtype: str, channels: int, *, is_lossy: bool) -> str:
    for format in ("jpg", "png") if is_lossy else ("png",):
        if codec.can_encode(format, dtype=dtype, channels=channels):
            return format
    return "npy"
