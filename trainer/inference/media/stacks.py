"""TIFF files of many planes, OME-TIFF among them: each plane translated, and what is said of the planes kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from sharding.errors import DatasetError
from sharding.format.codec.encoding import tiff_options
from sharding.storage.files import open_regular, written_atomically
from trainer.pictures.files import UnreadablePictureError

_ONE_PICTURE = ("YX", "YXS", "SYX", "CYX")
"""Axes of a file that is a plain picture, as the codec reads it."""
_KEPT = ("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ", "TimeIncrement")
"""Attributes of `Pixels` in OME-XML that a translation does not change; each may have a unit."""
_UNITS = {"micron": "µm", "um": "µm", "\\u00B5m": "µm", "µm": "µm", "nm": "nm", "mm": "mm"}
"""Of ImageJ, which knows several names of one, in OME-XML."""
_BIG = 2**31


def is_stack(path: Path) -> bool:
    """Whether a TIFF holds more than one plane, or says in OME-XML what its planes are.

    Raises:
        DatasetError: it is no TIFF.
    """
    import tifffile

    try:
        with open_regular(path, follow_links=True) as file, tifffile.TiffFile(file) as tif:
            if tif.is_ome:
                return True
            return len(tif.pages) > 1 and (len(_full(tif)) > 1 or tif.series[0].axes not in _ONE_PICTURE)
    except Exception as error:
        raise DatasetError(f"{path.name}: is no TIFF, or its beginning is damaged ({error})") from error


def translate_stack(source: Path, target: Path, each: Callable[[np.ndarray], np.ndarray], *, channels: int) -> str:
    """Write a TIFF of what `each` makes of planes (H, W, C) -> (H, W, C'): C are the channels of a time and a depth.

    Axes and their lengths are the source's but for the channels, which stand behind times and depths, or in each pixel
    where they are three. OME-XML keeps physical sizes, the time step and, where they are as many, channels' names.

    Args:
        channels: of the view that planes are read as.

    Returns:
        What was left out of it, for people; empty if nothing was.

    Raises:
        UnreadablePictureError: the file is none that can be read, or has other channels.
        OSError: the target cannot be written.
    """
    import tifffile

    with open_regular(source, follow_links=True) as file:
        try:
            tif = tifffile.TiffFile(file, _multifile=False)
            stacks = [_Stack(tif, series, number=number) for number, series in enumerate(_full(tif))]
        except Exception as error:
            raise UnreadablePictureError(f"cannot be read: {error}") from error
        for stack in stacks:
            stack.check(channels)
        num_bytes = 4 * sum(int(np.prod(stack.series.shape)) * channels for stack in stacks)
        is_ome = bool(tif.is_ome or tif.is_imagej)
        with (
            written_atomically(target) as made,
            tifffile.TiffWriter(made, ome=is_ome, bigtiff=num_bytes > _BIG) as writer,
        ):
            for stack in stacks:
                _write(writer, stack, map(each, stack.planes()), is_ome=is_ome)
    return "is written without its smaller levels" if any(len(stack.series.levels) > 1 for stack in stacks) else ""


@dataclass
class _Stack:
    """A series of planes of one size."""

    tif: Any
    series: Any
    number: int
    lead: str = field(init=False)
    """Its axes but for those of a plane, e.g. `TZ`."""

    def __post_init__(self) -> None:
        self.lead = "".join(axis for axis in self.series.axes if axis not in "CYXS")

    def length(self, axis: str) -> int:
        """1 of an axis that is not there."""
        return self.series.shape[self.series.axes.index(axis)] if axis in self.series.axes else 1

    def check(self, channels: int) -> None:
        """Raises UnreadablePictureError unless a plane's channels are those of the view, or one."""
        num = self.length("C")
        if num in (1, channels) and not (num > 1 and self.length("S") > 1):
            return
        names = ", ".join(_names(self.tif, self.number)) or "without names"
        raise UnreadablePictureError(
            f"has {num} channels ({names}), and the run's view {channels}; save those that the run was trained on"
        )

    def planes(self) -> Iterator[np.ndarray]:
        """(H, W, C), in the order of the leading axes. Raises UnreadablePictureError."""
        axes = [axis for axis in self.series.axes if axis not in "YXS"]
        numbers = np.arange(int(np.prod([self.length(axis) for axis in axes]))).reshape([self.length(a) for a in axes])
        if "C" in axes:
            numbers = np.moveaxis(numbers, axes.index("C"), -1)
        for places in numbers.reshape(-1, self.length("C")):
            try:
                yield np.concatenate([self._page(int(number), total=numbers.size) for number in places], axis=2)
            except Exception as error:
                raise UnreadablePictureError(f"cannot be read: {error}") from error

    def _page(self, number: int, *, total: int) -> np.ndarray:
        pages = self.series.pages
        if len(pages) == total:
            if pages[number] is None:
                raise ValueError(f"plane {number} lies in another file; save all in one")
            pixels, axes = pages[number].asarray(), pages[number].axes
        else:  # one page announces all that lies behind it
            whole = self.series.asarray(out="memmap") if self.series.dataoffset is None else self.series.asarray()
            axes = "".join(axis for axis in self.series.axes if axis in "YXS")
            pixels = whole.reshape(total, *[self.length(axis) for axis in axes])[number]
        if pixels.dtype.name not in ("uint8", "uint16", "float32"):
            raise ValueError(f"has values of {pixels.dtype}; save it as uint8, uint16 or float32")
        pixels = np.moveaxis(pixels, axes.index("S"), -1) if "S" in axes else pixels[:, :, None]
        return np.ascontiguousarray(pixels)


def _full(tif: Any) -> list[Any]:
    """Its series but for those that only repeat another one smaller."""
    found = [series for series in tif.series if not series.keyframe.is_reduced]
    return found or list(tif.series[:1])


def _write(writer: Any, stack: _Stack, made: Iterator[np.ndarray], *, is_ome: bool) -> None:
    first = next(made)
    height, width, channels = first.shape
    is_rgb = channels == 3 and first.dtype != np.float32
    has_axis = not is_rgb and (channels > 1 or "C" in stack.series.axes)
    axes = stack.lead + ("C" if has_axis else "") + ("YXS" if is_rgb else "YX")
    shape = (*map(stack.length, stack.lead), *([channels] if has_axis else []), height, width, *([3] if is_rgb else []))
    planes = chain([first], made)
    metadata = {"axes": axes} | (_kept(stack, channels) if is_ome else {})
    options = tiff_options(3 if is_rgb else 1) | {"metadata": metadata}
    parts = planes if is_rgb else (plane[:, :, number] for plane in planes for number in range(channels))
    writer.write(map(np.ascontiguousarray, parts), shape=shape, dtype=first.dtype, maxworkers=1, **options)


def _kept(stack: _Stack, channels: int) -> dict[str, Any]:
    """What OME-XML is to say of the planes."""
    if stack.tif.is_imagej:
        return _of_imagej(stack.tif)
    pixels = _pixels(stack.tif, stack.number)
    if pixels is None:
        return {}
    wanted = [*_KEPT, *(f"{name}Unit" for name in _KEPT)]
    kept: dict[str, Any] = {name: pixels.attrib[name] for name in wanted if name in pixels.attrib}
    kept |= {name: float(kept[name]) for name in _KEPT if name in kept}
    names = _names(stack.tif, stack.number)
    if len(names) == channels:
        kept["Channel"] = {"Name": names}
    return kept


def _of_imagej(tif: Any) -> dict[str, Any]:
    """Sizes of pixels as ImageJ says them, where it says of what unit."""
    said, page = tif.imagej_metadata or {}, tif.pages.first
    unit = _UNITS.get(said.get("unit", ""))
    if unit is None:
        return {}
    kept: dict[str, Any] = {}
    for axis, code in (("X", 282), ("Y", 283)):
        if code in page.tags and (value := page.tags[code].value)[0]:
            kept |= {f"PhysicalSize{axis}": value[1] / value[0], f"PhysicalSize{axis}Unit": unit}
    if "spacing" in said:
        kept |= {"PhysicalSizeZ": float(said["spacing"]), "PhysicalSizeZUnit": unit}
    return kept


def _pixels(tif: Any, number: int) -> Any:
    """The element `Pixels` of an image; None where there is none."""
    if not tif.ome_metadata:
        return None
    found = [each for each in ElementTree.fromstring(tif.ome_metadata).iter() if each.tag.endswith("}Pixels")]
    return found[number] if number < len(found) else None


def _names(tif: Any, number: int) -> Sequence[str]:
    """Of the channels; empty unless each has one."""
    pixels = _pixels(tif, number)
    channels = [] if pixels is None else [each for each in pixels if each.tag.endswith("}Channel")]
    return [each.attrib["Name"] for each in channels] if all("Name" in each.attrib for each in channels) else []
