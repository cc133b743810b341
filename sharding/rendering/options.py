"""Options of all sources that read image files: what is stored of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sharding.errors import OptionError
from sharding.format.manifest import ClassInfo
from sharding.format.names import check_view_name
from sharding.rendering.classes import class_infos, parse_classes

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What is stored of the images."""

    store: Literal["encoded", "original"] = "encoded"
    """`encoded`: images are decoded, resized if --size says so, and encoded as --encoding says. `original`: files are
    copied untouched; they may differ in size, and training resizes them each time."""
    size: tuple[int, ...] = ()
    """Pixels: resize every view to `N` (a square) or `HEIGHT WIDTH`; without it all images must be of one size."""
    encoding: Literal["auto", "jpg", "png", "webp", "tiff", "npy"] = "auto"
    """How images are encoded. `auto`: jpg if all files of the view are lossy, else png, and npy for what png cannot
    hold (float, more than 4 channels). Classes are always png."""
    quality: int = 95
    """1 to 100: of jpg and webp."""
    alpha: Literal["refuse", "drop", "keep"] = "refuse"
    """What becomes of an alpha channel. `refuse`: transparent pixels are an error, an opaque channel is dropped.
    `keep`: it is one more channel, opaque in files without one."""
    value_range: tuple[str, ...] = ()
    """Values of a view that become -1 and 1 in training: `depth=0:10000`, or `depth=auto` for the least and largest of
    all files. Unless given: 0:255 and 0:65535; views of float32 need one."""
    max_megapixels: float = 100
    """Larger images are refused before they are decoded, as they may be made to fill the memory."""
    classes_view: str | None = None
    """Name of the view that shows classes, if one does; it is stored lossless."""
    classes: str | None = None
    """Classes in that view: `wall=#0000ff,window=#ff0000`, or `sky,road` for files with a palette."""
    classes_as: Literal["colors", "index"] = "colors"
    """Store the classes as flat colours, or as the class numbers in the files (255 = no class)."""

    def __post_init__(self) -> None:
        if len(self.size) > 2 or min(self.size, default=1) < 1:
            raise OptionError(f"--size {' '.join(map(str, self.size))}: use `N` or `HEIGHT WIDTH`, 1 pixel or more.")
        if not 1 <= self.quality <= 100:
            raise OptionError(f"--quality {self.quality}: use 1 to 100.")
        if self.max_megapixels <= 0:
            raise OptionError(f"--max-megapixels {self.max_megapixels:g}: use more than 0.")
        if self.store == "original" and (self.size or self.encoding != AUTO):
            raise OptionError("--store original: files are copied as they are; leave --size and --encoding out.")
        if (self.classes is None) != (self.classes_view is None):
            raise OptionError("--classes and --classes-view belong together: give both or none.")
        if self.classes is not None:
            parse_classes(self.classes)
        parse_ranges(self.value_range)

    @property
    def is_original(self) -> bool:
        return self.store == "original"

    @property
    def stored_size(self) -> tuple[int, int] | None:
        """Width, height; None: as the files are."""
        return (self.size[-1], self.size[0]) if self.size else None

    @property
    def ranges(self) -> dict[str, tuple[float, float] | None]:
        """By view; None is to be measured."""
        return parse_ranges(self.value_range)

    def made_by(self) -> dict[str, Any]:
        """What decides the stored bytes, as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def check_views(self, option_values: Mapping[str, str]) -> None:
        """Reject view names, given by option, that are unusable, equal, or lack a view that an option names."""
        for option, name in option_values.items():
            check_view_name(option, name)
        names = list(option_values.values())
        if len(set(names)) < len(names):
            raise OptionError(f"{' and '.join(option_values)} are both {names[0]!r}: use two names.")
        if self.classes_view is not None and self.classes_view not in names:
            raise OptionError(f"--classes-view {self.classes_view!r}: the views are {' and '.join(names)}.")
        strangers = [view for view in self.ranges if view not in names]
        if strangers:
            raise OptionError(f"--value-range {strangers[0]}=...: the views are {' and '.join(names)}.")

    def read_classes(self, example: Path) -> list[ClassInfo]:
        """The classes that the options name; `example` is a file whose palette may hold their colours."""
        return [] if self.classes is None else class_infos(parse_classes(self.classes), example)


def parse_ranges(options: tuple[str, ...]) -> dict[str, tuple[float, float] | None]:
    """`depth=0:10000` -> (0, 10000) by view; `auto` is None. Raises OptionError."""
    ranges: dict[str, tuple[float, float] | None] = {}
    for option in options:
        view, is_given, text = option.partition("=")
        try:
            low, high = (0.0, 1.0) if text == AUTO else map(float, text.split(":"))
        except ValueError:
            low = high = 0.0
        if not is_given or view in ranges or not low < high:
            raise OptionError(f"--value-range {option}: write `view=low:high` or `view=auto`, and each view once.")
        ranges[view] = None if text == AUTO else (low, high)
    return ranges
