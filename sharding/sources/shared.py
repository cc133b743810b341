"""What all sources that read image files do: look at the files, reject what cannot be used, and list the samples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sharding.format.manifest import LabelInfo
from sharding.format.names import key_of
from sharding.inputs.catalogue import Catalogue, Entry
from sharding.inputs.checks import reject_duplicates, reject_unlisted
from sharding.inputs.labels import LabelOptions, label_numbers
from sharding.inputs.look import read_headers, read_labels
from sharding.inputs.splits import SplitOptions
from sharding.rendering.edges import EdgeOptions
from sharding.rendering.options import ImageOptions
from sharding.rendering.picture import HalfPicture, Picture
from sharding.rendering.plan import plan_rendering
from sharding.rendering.renderer import Rendered, Rendering
from sharding.work.crew import Crew
from sharding.work.plan import Draft, Plan, Sample
from sharding.work.problems import Problems
from sharding.writing.shard_file import tar_bytes

RECIPE = 3
"""Of image files, from whatever folders; raised whenever the same files and options would make other bytes."""


class Part(Protocol):
    """Options that several sources share."""

    def made_by(self) -> dict[str, Any]:
        """What of them decides the data set, as JSON values."""
        ...


def recipe_of(source: str, options: dict[str, Any], parts: Sequence[Part], inputs: dict[str, Any]) -> dict[str, Any]:
    """What `Source.made_by` says of a source of image files.

    Args:
        inputs: what tells these files from others.
    """
    for part in parts:
        options = options | part.made_by()
    return {"source": source, "recipe": RECIPE, "options": options, "inputs": inputs}


@dataclass(frozen=True, kw_only=True)
class FilesEncoder:
    """Samples whose views are files of their own."""

    rendering: Rendering

    def __call__(self, draft: Draft) -> Sample:
        pictures = {view: Picture(header) for view, header in draft.origin.items()}
        return _sample(draft, self.rendering.encode(pictures))


@dataclass(frozen=True, kw_only=True)
class HalvesEncoder:
    """Samples whose two views are the halves of one file."""

    rendering: Rendering
    left: str
    right: str

    def __call__(self, draft: Draft) -> Sample:
        header = draft.origin[self.left]
        whole = Picture(header)
        halves = {self.left: HalfPicture(whole, is_left=True), self.right: HalfPicture(whole, is_left=False)}
        return _sample(draft, self.rendering.encode(halves))


def _sample(draft: Draft, rendered: Rendered) -> Sample:
    return draft.sample(rendered.members, seen=rendered.seen)


def survey(
    catalogue: Catalogue,
    *,
    images: ImageOptions,
    splits: SplitOptions,
    labels: LabelOptions,
    crew: Crew,
    problems: Problems,
) -> dict[str, LabelInfo]:
    """Reject files that cannot be used for themselves, look into the others, and label them."""
    reject_unlisted(catalogue, problems, splits)
    reject_duplicates(catalogue, problems)
    infos = read_labels(catalogue, labels, problems)
    read_headers(catalogue, crew, problems, max_megapixels=images.max_megapixels)
    return infos


def plan_files(
    catalogue: Catalogue,
    *,
    views: Sequence[str],
    images: ImageOptions,
    edges: EdgeOptions,
    infos: dict[str, LabelInfo],
    crew: Crew,
    problems: Problems,
) -> Plan:
    """The plan of samples whose views are files of their own, all of them in each sample."""
    rendering = plan_rendering(catalogue, views=views, options=images, edges=edges, crew=crew, problems=problems)
    is_copied = images.is_original and edges.edges is None
    return Plan(
        views=rendering.views,
        classes=rendering.classes,
        labels=infos,
        drafts=iter_drafts(catalogue, infos, is_copied=is_copied),
        encode=FilesEncoder(rendering=rendering),
    )


def iter_drafts(
    catalogue: Catalogue,
    infos: dict[str, LabelInfo],
    *,
    is_copied: bool,
    view_of: Callable[[Entry], str | None] = lambda entry: None,
) -> Iterator[Draft]:
    """One for each sample.

    Args:
        is_copied: files are stored as they are, so their sizes are known.
        view_of: in an unpaired data set the view that a sample has.
    """
    for entry in catalogue.entries():
        yield Draft(
            key=key_of(entry.stem),
            split=entry.split,
            origin=entry.headers,
            labels=label_numbers(entry.labels, infos),
            view=view_of(entry),
            num_bytes=sum(tar_bytes(header.num_bytes) for header in entry.headers.values()) if is_copied else None,
        )
