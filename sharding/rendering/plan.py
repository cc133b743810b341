"""How the images of each view are stored: size, channels, file format, classes; and views that are made of others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np
from PIL import Image

from sharding.errors import DatasetError
from sharding.format import codec
from sharding.format.codec.kinds import Header
from sharding.format.manifest import ClassInfo, View
from sharding.inputs.catalogue import Catalogue, Kind
from sharding.rendering.classes import class_colors, class_indices
from sharding.rendering.edges import EXTENSION as EDGES_EXTENSION
from sharding.rendering.edges import VIEW as EDGES
from sharding.rendering.edges import EdgeOptions, hed_method
from sharding.rendering.options import ImageOptions
from sharding.work.crew import Crew, Tick, adding
from sharding.work.problems import InputError, Problems

DEFAULT_RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


class Picture:
    """One file, or a part of it; read and decoded when it is needed, and once."""

    def __init__(self, header: Header) -> None:
        self.header = header

    @cached_property
    def content(self) -> bytes:
        try:
            return self.header.path.read_bytes()
        except OSError as error:
            raise InputError(self.header.path, f"cannot be read ({error.strerror})") from error

    @cached_property
    def pixels(self) -> np.ndarray:
        """(height, width, channels)."""
        return codec.decode(self.content, name=str(self.header.path), most_pixels=None)  # --max-megapixels has judged

    @cached_property
    def image(self) -> Image.Image:
        """The picture as Pillow has it, with its palette."""
        return codec.decode_picture(self.content, name=str(self.header.path))


class HalfPicture(Picture):
    """The left or the right half of a file whose header tells the size of one half."""

    def __init__(self, whole: Picture, *, is_left: bool) -> None:
        super().__init__(whole.header)
        self._whole, self._is_left = whole, is_left

    @cached_property
    def pixels(self) -> np.ndarray:
        middle = self._whole.pixels.shape[1] // 2
        return self._whole.pixels[:, :middle] if self._is_left else self._whole.pixels[:, middle:]

    @cached_property
    def image(self) -> Image.Image:
        width, height = self._whole.image.size
        return self._whole.image.crop((0, 0, width // 2, height) if self._is_left else (width // 2, 0, width, height))


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """Turns the images of one view into what is stored."""

    view: View
    classes: Sequence[ClassInfo] = ()
    """The classes that the view shows; empty for other views."""
    size: tuple[int, int] | None
    """Width, height that images are resized to; None: they stay as they are."""
    options: ImageOptions

    def encode(self, picture: Picture, pixels: np.ndarray) -> bytes:
        """The file to be stored. Raises DatasetError if the file is cut short, or is not what the view says."""
        if self.options.is_original:
            codec.check_whole(picture.content, name=str(picture.header.path))
            try:
                codec.check_stored(picture.content, self.view)
            except DatasetError as error:  # nobody could read it again
                raise InputError(picture.header.path, str(error)) from error
            return picture.content
        return codec.encode(pixels, codec.stored_format(self.view.extension), quality=self.options.quality)

    def render(self, picture: Picture) -> np.ndarray:
        """The stored pixels, (height, width, channels)."""
        pixels = self._class_pixels(picture) if self.classes else self._image_pixels(picture)
        height, width = pixels.shape[:2]
        if self.size is not None and (width, height) != self.size:
            pixels = resize(pixels, self.size, nearest=bool(self.classes))
        elif self.size is None and (width, height) != picture.header.size:
            raise InputError(picture.header.path, f"decodes to {width}x{height}, which is not what its header says")
        return pixels

    def _class_pixels(self, picture: Picture) -> np.ndarray:
        path, header = picture.header.path, picture.header
        if self.view.content == "classes":
            return class_indices(picture.image, classes=self.classes, path=path)[:, :, None]
        return class_colors(picture.image, classes=self.classes, is_lossy=header.is_lossy, path=path)

    def _image_pixels(self, picture: Picture) -> np.ndarray:
        header, pixels = picture.header, picture.pixels
        colors = pixels.shape[2] - header.has_alpha
        keeps_alpha = self.options.alpha == "keep" and self.view.channels in (2, 4)
        wanted = self.view.channels - keeps_alpha
        opaque = DEFAULT_RANGES.get(pixels.dtype.name, (0.0, 1.0))[1]
        alpha = pixels[:, :, colors:]  # of no channel where the file has none
        if self.options.alpha == "refuse" and (alpha < opaque).any():
            raise InputError(header.path, "has transparent pixels; give --alpha drop or keep, or flatten it")
        pixels = pixels[:, :, :colors]
        if colors == 1 and wanted == 3:
            pixels = pixels.repeat(3, axis=2)
        if not keeps_alpha:
            return pixels
        if not header.has_alpha:
            alpha = np.full((*pixels.shape[:2], 1), opaque, pixels.dtype)
        return np.concatenate([pixels, alpha], axis=2)


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """All views of a data set."""

    renderers: dict[str, Renderer]
    classes: Sequence[ClassInfo]
    edges: EdgeOptions

    @property
    def views(self) -> dict[str, View]:
        views = {name: renderer.view for name, renderer in self.renderers.items()}
        if self.edges.edges is not None:
            photo = views[self.edges.edges]
            views[EDGES] = View(extension=EDGES_EXTENSION, channels=1, width=photo.width, height=photo.height)
        return views

    def encode(self, pictures: Mapping[str, Picture]) -> dict[str, bytes]:
        """The members of a sample: its views, or in an unpaired data set the one that is given, and the edges.

        Raises:
            DatasetError: a file is broken, or shows what it should not.
        """
        members, edges = {}, {}
        for name, renderer in self.renderers.items():
            if name not in pictures:
                continue
            picture, is_drawn = pictures[name], name == self.edges.edges
            try:
                is_copied = renderer.options.is_original and not is_drawn
                pixels = np.empty(0) if is_copied else renderer.render(picture)
                members[renderer.view.extension] = renderer.encode(picture, pixels)
            except InputError:
                raise
            except DatasetError as error:
                path = picture.header.path
                raise InputError(path, str(error).removeprefix(f"{path}: ")) from error
            if is_drawn:
                grey_or_rgb = pixels.squeeze(2) if renderer.view.channels == 1 else pixels
                edges[EDGES_EXTENSION] = codec.encode(self.edges.draw(grey_or_rgb), "png")
        return members | edges


def resize(pixels: np.ndarray, size: tuple[int, int], *, nearest: bool = False) -> np.ndarray:
    """(H, W, C) of any type -> (height, width, C) for `size` (width, height): Lanczos, or for classes the nearest.

    Pillow does it, whose filter widens as the image shrinks. It knows 8-bit images, and of others single channels.
    """
    filter = Image.Resampling.NEAREST if nearest else Image.Resampling.LANCZOS
    if pixels.dtype == np.uint8 and pixels.shape[2] in (1, 3):
        image = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).resize(size, filter)
        return np.asarray(image).reshape(size[1], size[0], -1)
    planes = [Image.fromarray(plane.astype(np.float32)).resize(size, filter) for plane in np.moveaxis(pixels, 2, 0)]
    resized = np.stack([np.asarray(plane) for plane in planes], axis=2)
    if pixels.dtype == np.float32:
        return resized
    return resized.round().clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


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
        _reject_strangers(catalogue, view, options=options, problems=problems)
    size = options.stored_size or (None if options.is_original else _common_size(catalogue, views, problems))
    problems.check()
    classes = options.read_classes(catalogue.first(options.classes_view or views[0]).path)
    if edges.hed_weights is not None:
        hed_method(edges.hed_weights)  # now, not after hours, if it cannot be read
    renderers = {}
    for view in views:
        sizes = catalogue.sizes([view])
        stored = size or (sizes[0] if len(sizes) == 1 else None)
        info = _plan_view(view, catalogue.kinds(view), stored, options=options)
        if view != options.classes_view:
            info = replace(info, value_range=_value_range(view, info, catalogue, options=options, crew=crew))
        shown = classes if view == options.classes_view else ()
        renderers[view] = Renderer(view=info, classes=shown, size=options.stored_size, options=options)
    return Rendering(renderers=renderers, classes=classes, edges=edges)


def _reject_strangers(catalogue: Catalogue, view: str, *, options: ImageOptions, problems: Problems) -> None:
    """Files that cannot be stored beside most of their view."""
    kinds = catalogue.kinds(view)
    if not kinds:
        raise DatasetError(f"No usable image of view {view!r} is left.")
    most = kinds[0]
    if options.is_original:
        _reject_other_formats(catalogue, view, most, problems=problems)
    if view == options.classes_view:
        return
    is_color = most.dtype == "uint8" and most.colors in (1, 3)
    channels = "channels - has_alpha IN (1, 3)" if is_color else f"channels - has_alpha = {most.colors}"
    catalogue.reject(
        f"view = '{view}' AND NOT (dtype = '{most.dtype}' AND {channels})",
        problems=problems,
        headline=f"images of view {view!r} differ in type from most, which are {most.colors} channels of "
        f"{most.dtype}; convert them",
        reason=lambda _view, _width, _height, channels, dtype, _format: f"{channels} channels of {dtype}",
    )
    if options.is_original:
        _reject_uncopiable(catalogue, view, most, options=options, problems=problems)


def _reject_other_formats(catalogue: Catalogue, view: str, most: Kind, *, problems: Problems) -> None:
    """All files of a view have one suffix in the shards, so one that is copied must be what it says."""
    catalogue.reject(
        f"view = '{view}' AND format != '{most.format}'",
        problems=problems,
        headline=f"images of view {view!r} are not {most.format} files like most; use --store encoded, or convert them",
        reason=lambda _view, _width, _height, _channels, _dtype, format: format,
    )


def _reject_uncopiable(
    catalogue: Catalogue, view: str, most: Kind, *, options: ImageOptions, problems: Problems
) -> None:
    catalogue.reject(
        f"view = '{view}' AND channels != {most.channels}",
        problems=problems,
        headline=f"images of view {view!r} do not have {most.channels} channels like most; use --store encoded, or "
        "convert them",
        reason=lambda _view, _width, _height, channels, *_: f"{channels} channels",
    )
    if options.alpha != "keep":
        catalogue.reject(
            f"view = '{view}' AND has_alpha",
            problems=problems,
            headline="images have an alpha channel; give --alpha keep, or --store encoded --alpha drop",
            reason="has an alpha channel",
        )
    if most.dtype == "uint8" and most.channels in (1, 3) and most.format != "npy":
        catalogue.reject(
            f"view = '{view}' AND NOT is_plain",
            problems=problems,
            headline="images are read differently by different programs (CMYK, a palette, an EXIF turn); use "
            "--store encoded",
            reason="CMYK, a palette, an EXIF turn or the like",
        )


def _common_size(catalogue: Catalogue, views: Sequence[str], problems: Problems) -> tuple[int, int]:
    """The size that all images have; others are rejected."""
    size = catalogue.sizes(views)[0]
    total = len(catalogue)
    catalogue.reject(
        f"NOT (width = {size[0]} AND height = {size[1]})",
        problems=problems,
        headline=f"of {total} images are not {format_size(size)} pixels like most; give --size to resize all, "
        "or remove them",
        reason=lambda _view, width, height, *_: format_size((width, height)),
    )
    return size


def format_size(size: tuple[int, int]) -> str:
    """`512x256`."""
    return f"{size[0]}x{size[1]}"


def _plan_view(name: str, kinds: Sequence[Kind], size: tuple[int, int] | None, *, options: ImageOptions) -> View:
    """JPEG only if all files are lossy, one channel only if all are grey."""
    width, height = size or (None, None)
    if name == options.classes_view:
        is_index = options.classes_as == "index"
        return View(
            extension=f"{name}.{kinds[0].format if options.is_original else 'png'}",
            content="classes" if is_index else "image",
            channels=1 if is_index else 3,
            width=width,
            height=height,
            renders_classes=not is_index,
        )
    colors = max(kind.colors for kind in kinds)
    channels = colors + (options.alpha == "keep" and any(kind.has_alpha for kind in kinds))
    dtype = kinds[0].dtype
    if options.is_original:
        format = kinds[0].format
    elif options.encoding != "auto":
        format = options.encoding
    else:
        format = _auto_format(dtype, channels, is_lossy=all(kind.is_lossy for kind in kinds))
    if not options.is_original and not codec.can_encode(format, dtype=dtype, channels=channels):
        raise DatasetError(f"--encoding {format}: cannot hold the {channels} channels of {dtype} of view {name!r}.")
    return View(extension=f"{name}.{format}", channels=channels, dtype=kinds[0].dtype, width=width, height=height)


def _auto_format(dtype: str, channels: int, *, is_lossy: bool) -> str:
    for format in ("jpg", "png") if is_lossy else ("png",):
        if codec.can_encode(format, dtype=dtype, channels=channels):
            return format
    return "npy"


def _value_range(
    name: str, view: View, catalogue: Catalogue, *, options: ImageOptions, crew: Crew
) -> tuple[float, float]:
    """What becomes -1 and 1: as the options say, or what the type can hold."""
    if name in options.ranges:
        return options.ranges[name] or _measure(name, catalogue, crew=crew)
    if view.dtype in DEFAULT_RANGES:
        return DEFAULT_RANGES[view.dtype]
    raise DatasetError(
        f"View {name!r} holds float32, of which no range is known: give --value-range {name}=low:high, or {name}=auto "
        "for the least and largest value of all files."
    )


def _measure(name: str, catalogue: Catalogue, *, crew: Crew) -> tuple[float, float]:
    headers = (entry.headers[name] for entry in catalogue.entries() if name in entry.headers)
    batches: Iterable[list[Header]] = iter(lambda: list(islice(headers, 16)), [])
    tick = adding(crew.looking, total=len(catalogue))
    found = list(crew.run(_extremes, None, batches, tick=tick, is_small=len(catalogue) < 100))
    low, high = min(low for low, _ in found), max(high for _, high in found)
    if not low < high:
        raise DatasetError(f"View {name!r} holds the value {low:g} alone; nothing can be learnt of it.")
    return low, high


def _extremes(shared: None, item: Sequence[Header], *, tick: Tick) -> tuple[float, float]:
    found = []
    for header in item:
        pixels = Picture(header).pixels
        found.append((float(pixels.min()), float(pixels.max())))
        tick(1)
    return min(low for low, _ in found), max(high for _, high in found)
