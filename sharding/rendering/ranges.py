"""The values of a view that become -1 and 1 in training: as the options say, as the type has them, or as measured."""

from collections.abc import Iterable, Sequence
from itertools import islice

from sharding.errors import DatasetError
from sharding.format.codec.kinds import Header
from sharding.inputs.catalogue import Catalogue
from sharding.rendering.options import ImageOptions
from sharding.rendering.picture import HalfPicture, Picture
from sharding.rendering.strangers import most_common
from sharding.work.crew import Crew
from sharding.work.problems import Problems, Rejected
from sharding.work.progress import Tick, adding

DEFAULT_RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


def value_range(
    name: str, catalogue: Catalogue, *, options: ImageOptions, crew: Crew, problems: Problems
) -> tuple[float, float]:
    """What becomes -1 and 1: as the options say, or what the type can hold.

    Raises:
        DatasetError: it is not known, or nothing is left to measure it by.
    """
    dtype = most_common(catalogue, name, problems=problems).dtype
    if name in options.ranges:
        return options.ranges[name] or _measure(name, catalogue, crew=crew, problems=problems)
    if dtype in DEFAULT_RANGES:
        return DEFAULT_RANGES[dtype]
    raise DatasetError(
        f"View {name!r} holds float32, of which no range is known: give --value-range {name}=low:high, or {name}=auto "
        "for the least and largest value of all files."
    )


def _measure(name: str, catalogue: Catalogue, *, crew: Crew, problems: Problems) -> tuple[float, float]:
    """The least and the largest value of all files; those that cannot be decoded are rejected."""
    headers = (entry.headers[name] for entry in catalogue.entries() if name in entry.headers)
    batches: Iterable[list[Header]] = iter(lambda: list(islice(headers, 16)), [])
    tick = adding(crew.looking, total=len(catalogue))
    found = list(crew.run(_extremes, catalogue.halves.get(name), batches, tick=tick, is_small=len(catalogue) < 100))
    rejected = [one for _, some in found for one in some]
    catalogue.forget_files(one.file for one in rejected)
    problems.add(sorted(rejected, key=str), headline=("file", "files", "cannot be decoded; remove or replace them"))
    extremes = [one for some, _ in found for one in some]
    if not extremes:
        raise problems.nothing_left(f"No usable image of view {name!r} is left.")
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    if not low < high:
        raise problems.nothing_left(f"View {name!r} holds the value {low:g} alone; nothing can be learnt of it.")
    return low, high


def _extremes(
    is_left: bool | None, item: Sequence[Header], *, tick: Tick
) -> tuple[list[tuple[float, float]], list[Rejected]]:
    """The least and the largest value of each file, and the files that cannot be decoded.

    Args:
        is_left: of which half; None: of the whole.
    """
    found: list[tuple[float, float]] = []
    rejected: list[Rejected] = []
    for header in item:
        try:
            whole = Picture(header)
            pixels = (whole if is_left is None else HalfPicture(whole, is_left=is_left)).pixels
        except DatasetError as error:
            reason = str(error).removeprefix(f"{header.path}: ")
            rejected.append(Rejected(file=str(header.path), reason=reason))
        else:
            found.append((float(pixels.min()), float(pixels.max())))
        tick(1)
    return found, rejected
