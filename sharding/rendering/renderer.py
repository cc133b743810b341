"""Turns input files into what is stored of each view, and draws views that are made of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sharding.errors import DatasetError
from sharding.format import codec
from sharding.format.codec.channels import fit_channels
from sharding.format.manifest import ClassInfo, View
from sharding.rendering.classes import class_colors, class_indices
from sharding.rendering.edges import EXTENSION as EDGES_EXTENSION
from sharding.rendering.edges import VIEW as EDGES
from sharding.rendering.edges import EdgeOptions
from sharding.rendering.options import ImageOptions
from sharding.rendering.picture import Picture
from sharding.work.problems import InputError
from sharding.work.seen import Seen, look_at


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
        view, header = self.view, picture.header
        return fit_channels(
            picture.pixels, has_alpha=header.has_alpha, alpha=view.alpha, wanted=view.channels, name=str(header.path)
        )


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The views of a sample, to be stored."""

    members: Mapping[str, bytes]
    """By `View.extension`."""
    seen: Mapping[str, Seen]
    """By view; nothing of photos that are copied untouched, which nobody has decoded."""


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

    def encode(self, pictures: Mapping[str, Picture]) -> Rendered:
        """What is stored of a sample: its views, or in an unpaired data set the one that is given, and the edges.

        Raises:
            DatasetError: a file is broken, or shows what it should not.
        """
        members, edges, seen = {}, {}, {}
        for name, renderer in self.renderers.items():
            if name not in pictures:
                continue
            picture, is_drawn = pictures[name], name == self.edges.edges
            try:
                is_copied = renderer.options.is_original and not is_drawn
                is_looked_at = not is_copied or bool(renderer.classes)
                pixels = renderer.render(picture) if is_looked_at else np.empty(0)
                if is_looked_at:
                    seen[name] = look_at(pixels, view=renderer.view, classes=renderer.classes)
                members[renderer.view.extension] = renderer.encode(picture, pixels)
            except InputError:
                raise
            except DatasetError as error:
                path = picture.header.path
                raise InputError(path, str(error).removeprefix(f"{path}: ")) from error
            if is_drawn:
                grey_or_rgb = pixels.squeeze(2) if renderer.view.channels == 1 else pixels
                edges[EDGES_EXTENSION] = codec.encode(self.edges.draw(grey_or_rgb), "png")
        return Rendered(members=members | edges, seen=seen)


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
