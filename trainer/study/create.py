"""Make the folder of a study: it is there whole, or not at all."""

import random
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sharding.storage.files import create, sync
from trainer.config.errors import ConfigError
from trainer.study.answers import TRUTH
from trainer.study.design import IMAGES, INPUT, Design, write_design
from trainer.study.pictures import in_pieces, png_bytes, require_ratio, same_size
from trainer.study.plan import judged, require_enough, require_inputs
from trainer.study.sources import Folder, Shown, Source

_SAMPLE = 3  # names in messages
_MOST_CHECKS = 200


@dataclass
class _Growing:
    """Images that lie in the folder already."""

    folder: Path
    size: int
    seed: int
    most_checks: int
    images: dict[str, dict[str, str]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)

    def add(self, shown: Shown) -> None:
        """Write an image, at the size of all."""
        width, height = shown.picture.size
        ratio = self.ratios.setdefault(shown.name, width / height)
        require_ratio(shown.picture, ratio=ratio, what=shown.what)
        picture = same_size(shown.picture, size=self.size, ratio=ratio)
        files = self.images.setdefault(shown.name, {})
        if shown.who in files:
            raise ConfigError(shown.who, shown.name, f"is given twice, by {shown.what} too; give it once.")
        files[shown.who] = self._write(png_bytes(picture))
        if shown.who != INPUT and shown.name not in self.checks and len(self.checks) < self.most_checks:
            self.checks[shown.name] = self._write(png_bytes(in_pieces(picture, seed=f"{self.seed}/{shown.name}")))

    def _write(self, content: bytes) -> str:
        """A file under a name that tells nothing."""
        name = f"{secrets.token_hex(16)}.png"
        with create(self.folder / name) as file:
            file.write(content)
        return name


def create_study(
    folder: Path,
    draft: Design,
    sources: Sequence[Source],
    *,
    size: int,
    most: int | None = None,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> Design:
    """Write the images of all sources and study.json.

    Args:
        draft: the study, all but its images.
        sources: real images first; the first source tells which inputs there are, unless the study is unpaired.
        size: pixels of the longer side of all images.
        most: inputs that are taken, by chance, where all images come from folders; all if not given.
        tell: hears how many images are written, and of how many at most.

    Raises:
        ConfigError: the folder is there, or images are too few, before any is made; or they do not fit each other.
        DatasetError: a run's data set is damaged.
        OSError: it cannot be written.
    """
    require_new(folder)
    wanted = _wanted(draft, sources, most=most)
    total = _count(draft, sources, wanted)
    folder.parent.mkdir(parents=True, exist_ok=True)
    growing = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        (growing / IMAGES).mkdir(parents=True)
        grown = _Growing(growing / IMAGES, size, draft.seed, _MOST_CHECKS if draft.num_checks else 0)
        _grow(grown, draft, sources, wanted=wanted, tell=lambda done: tell(done, total))
        design = _finish(grown, draft)
        sync(growing / IMAGES)
        write_design(growing, design)
        growing.rename(folder)
    except BaseException:
        shutil.rmtree(growing, ignore_errors=True)
        raise
    return design


def require_new(folder: Path) -> None:
    """Raise ConfigError if anything lies there: a study is never changed."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise ConfigError("out", str(folder), "exists; give a new folder.")


def _wanted(draft: Design, sources: Sequence[Source], *, most: int | None) -> frozenset[str] | None:
    """The inputs that all folders know, or `most` of them by chance; None where that is not known yet."""
    known = {source.who: set(source.names) for source in sources if isinstance(source, Folder)}
    if not known or not draft.is_paired:
        return None
    common = sorted(set.intersection(*known.values()))
    if not common:
        images = {
            name: {who: "" for who, names in known.items() if name in names} for name in set.union(*known.values())
        }
        raise ConfigError("method", ", ".join(draft.methods), _nothing_common(images, set(known)))
    if most is not None and most < len(common) and len(known) == len(sources):
        common = random.Random(draft.seed).sample(common, most)
    return frozenset(common)


def _count(draft: Design, sources: Sequence[Source], wanted: frozenset[str] | None) -> int:
    """Images of all sources, at most. Raises ConfigError if they cannot be enough for one session."""
    total: Counter[str] = Counter()
    for source in sources:
        total.update(source.counts(wanted))
    require_inputs(draft, min(total[who] for who in judged(draft)))
    return total.total()


def _grow(
    grown: _Growing,
    draft: Design,
    sources: Sequence[Source],
    *,
    wanted: frozenset[str] | None,
    tell: Callable[[int], None],
) -> None:
    done = 0
    for source in sources:
        for shown in source.images(wanted):
            grown.add(shown)
            tell(done := done + 1)
        if draft.is_paired and wanted is None:
            wanted = frozenset(grown.images)


def _finish(grown: _Growing, draft: Design) -> Design:
    """The study of what has grown; images that it does not show are gone."""
    design = _kept(draft, grown)
    require_enough(design)
    used = {file for files in design.images.values() for file in files.values()} | set(design.checks.values())
    for path in grown.folder.iterdir():
        if path.name not in used:
            path.unlink()
    return design


def _kept(draft: Design, grown: _Growing) -> Design:
    """The study with the inputs of which all images are there; unpaired, with all."""
    images = grown.images
    if draft.is_paired:
        who = {*draft.methods, *((TRUTH,) if needs_truth(draft) else ())}
        images = {name: files for name, files in images.items() if who <= set(files)}
        if not images:
            raise ConfigError("method", ", ".join(draft.methods), _nothing_common(grown.images, who))
    checks = {name: file for name, file in grown.checks.items() if name in images and _can_check(draft, images[name])}
    return replace(draft, images=dict(sorted(images.items())), checks=checks if draft.num_checks else {})


def needs_truth(design: Design) -> bool:
    """Whether real images are shown."""
    return design.protocol != "preference" or design.against_truth


def _can_check(design: Design, files: dict[str, str]) -> bool:
    """Whether an image can stand beside its pieces: a real one, unless none is shown."""
    return TRUTH in files or not needs_truth(design)


def _nothing_common(images: dict[str, dict[str, str]], who: set[str]) -> str:
    names = {each: [name for name, files in images.items() if each in files][:_SAMPLE] for each in sorted(who)}
    listed = "; ".join(f"{each}: {', '.join(found) or 'none'}" for each, found in names.items())
    return f"no image has the same name with all of them ({listed}); name them alike, or give --unpaired."
