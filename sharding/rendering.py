"""How the images of each view are stored: size, channels, file format, classes; and views that are made of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from sharding.classes import class_colors, class_indices, class_infos, parse_classes
from sharding.edges import EXTENSION as EDGES_EXTENSION
from sharding.edges import VIEW as EDGES
from sharding.edges import DrawEdges, EdgeOptions
from sharding.images import encode, open_image
from sharding.inputs import Header, check_equal_sizes
from sharding.manifest import ClassInfo, DatasetError, View
from sharding.naming import check_view_name
from sharding.sample import OptionError


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Options of all sources that read image files."""

    size: int | None = None
    """Pixels: resize every view to a square of this size; without it all images must be of one size."""
    classes_view: str | None = None
    """Name of the view that shows classes, if one does; it is stored lossless."""
    classes: str | None = None
    """Classes in that view: `wall=#0000ff,window=#ff0000`, or `sky,road` for files with a palette."""
    classes_as: Literal["colors", "index"] = "colors"
    """Store the classes as flat colours, or as the class numbers in the files (255 = no class)."""
    val: float = 0.1
    """Share of the samples for validation, where the folders do not tell the split."""
    test: float = 0.1
    """Share of the samples for the test, where the folders do not tell the split."""

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise OptionError(f"--size {self.size}: use 1 pixel or more.")
        if (self.classes is None) != (self.classes_view is None):
            raise OptionError("--classes and --classes-view belong together: give both or none.")
        if self.classes is not None:
            parse_classes(self.classes)
        if min(self.val, self.test) < 0 or self.val + self.test >= 1:
            raise OptionError(f"--val {self.val} --test {self.test}: use shares of 0 or more, together below 1.")

    def check_views(self, option_values: Mapping[str, str]) -> None:
        """Reject view names, given by option, that are unusable, equal, or lack the view with the classes."""
        for option, name in option_values.items():
            check_view_name(option, name)
        names = list(option_values.values())
        if len(set(names)) < len(names):
            raise OptionError(f"{' and '.join(option_values)} are both {names[0]!r}: use two names.")
        if self.classes_view is not None and self.classes_view not in names:
            raise OptionError(f"--classes-view {self.classes_view!r}: the views are {' and '.join(names)}.")

    def read_classes(self, example: Path) -> list[ClassInfo]:
        """The classes that the options name; `example` is a file whose palette may hold their colours."""
        return [] if self.classes is None else class_infos(parse_classes(self.classes), example)


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """Turns the decoded images of one view into what is stored, before it is encoded."""

    view: View
    classes: Sequence[ClassInfo] = ()
    """The classes that the view shows; empty for other views."""
    resizes: bool

    def render(self, image: Image.Image, *, header: Header) -> np.ndarray:
        """The stored pixels of `image`, which is (a part of) the file that `header` tells of."""
        assert self.view.width is not None
        assert self.view.height is not None
        size = (self.view.width, self.view.height)
        if self.view.content == "classes":
            image = Image.fromarray(class_indices(image, classes=self.classes, path=header.path))
        elif self.classes:
            colors = class_colors(image, classes=self.classes, is_lossy=header.is_lossy, path=header.path)
            image = Image.fromarray(colors)
        else:
            image = image.convert("L" if self.view.channels == 1 else "RGB")
        if self.resizes and image.size != size:
            image = image.resize(size, Image.Resampling.NEAREST if self.classes else Image.Resampling.LANCZOS)
        if image.size != size:
            raise DatasetError(f"{header.path}: decodes to {image.size}, which is not what its header says")
        return np.asarray(image)


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """All views of a data set."""

    renderers: dict[str, Renderer]
    classes: Sequence[ClassInfo]
    edges_of: str | None
    """View from which the further view `edges` is drawn; None: there is none."""
    draw_edges: DrawEdges | None

    @property
    def views(self) -> dict[str, View]:
        views = {name: renderer.view for name, renderer in self.renderers.items()}
        if self.edges_of is not None:
            photo = views[self.edges_of]
            views[EDGES] = View(extension=EDGES_EXTENSION, channels=1, width=photo.width, height=photo.height)
        return views

    def encode(self, images: Mapping[str, tuple[Image.Image, Header]]) -> dict[str, bytes]:
        """The members of a sample: its views, or in an unpaired data set the one that is given, and the edges."""
        members = {}
        edges = {}
        for name, (image, header) in images.items():
            renderer = self.renderers[name]
            pixels = renderer.render(image, header=header)
            members[renderer.view.extension] = encode(pixels, renderer.view.extension)
            if name == self.edges_of and self.draw_edges is not None:
                edges[EDGES_EXTENSION] = encode(self.draw_edges(pixels), EDGES_EXTENSION)
        return members | edges

    def encode_files(self, headers: Mapping[str, Header]) -> dict[str, bytes]:
        """The same for views that are files of their own."""
        return self.encode({name: (open_image(header.path), header) for name, header in headers.items()})


def plan_rendering(
    headers: Mapping[str, Sequence[Header]], *, size: tuple[int, int], options: ImageOptions, edges: EdgeOptions
) -> Rendering:
    """Decide from the headers of all files of each view.

    Raises:
        DatasetError: the classes, or the network that draws edges, cannot be read.
    """
    example = headers[options.classes_view or next(iter(headers))][0].path
    classes = options.read_classes(example)
    renderers = {
        name: plan_renderer(name, files, size=size, options=options, classes=classes) for name, files in headers.items()
    }
    draw_edges = edges.method() if edges.edges is not None else None
    return Rendering(renderers=renderers, classes=classes, edges_of=edges.edges, draw_edges=draw_edges)


def plan_renderer(
    name: str, headers: Sequence[Header], *, size: tuple[int, int], options: ImageOptions, classes: Sequence[ClassInfo]
) -> Renderer:
    """Decide from all files of a view: JPEG only if all are lossy, one channel only if all are grey."""
    shows_classes = name == options.classes_view
    is_index = shows_classes and options.classes_as == "index"
    is_grey = not shows_classes and all(header.is_grey for header in headers)
    is_lossless = shows_classes or not all(header.is_lossy for header in headers)
    view = View(
        extension=f"{name}.{'png' if is_lossless else 'jpg'}",
        content="classes" if is_index else "image",
        channels=1 if is_index or is_grey else 3,
        width=size[0],
        height=size[1],
        renders_classes=shows_classes and not is_index,
    )
    return Renderer(view=view, classes=classes if shows_classes else (), resizes=options.size is not None)


def stored_size(headers: Sequence[Header], options: ImageOptions) -> tuple[int, int]:
    """Width and height of the stored images: as the option says, else the size that all files have.

    Raises:
        DatasetError: the files differ in size, and the option says nothing.
    """
    if options.size is not None:
        return options.size, options.size
    return check_equal_sizes(headers, remedy="give --size to resize all, or remove them")
