"""What of a data set is to be read: shards, extensions and labels, by the manifest alone."""

from collections.abc import Sequence

from sharding.errors import DatasetError
from sharding.format.manifest import LabelInfo, Manifest, Shard
from sharding.storage.place import Place


def select_shards(folder: Place, manifest: Manifest, *, split: str, views: Sequence[str] = ()) -> list[Shard]:
    """The shards of a split whose samples have all the views. Raises DatasetError if they hold no sample."""
    shards = [
        shard
        for shard in manifest.splits.get(split, [])
        if shard.num_samples and (shard.view is None or all(view == shard.view for view in views))
    ]
    if not shards:
        filled = [name for name in manifest.splits if manifest.num_samples(name)]
        wanted = (
            f" that have {' and '.join(map(repr, views))} together" if manifest.kind == "unpaired" and views else ""
        )
        raise DatasetError(
            f"{folder} has no samples in split {split!r}{wanted}; splits that have any: {', '.join(filled) or 'none'}."
        )
    return shards


def select_extensions(folder: Place, manifest: Manifest, *, views: Sequence[str]) -> list[str]:
    """The extensions under which tars hold the views. Raises DatasetError for a view that does not exist."""
    for name in views:
        if name not in manifest.views:
            raise DatasetError(f"{folder} has no view {name!r}; it has: {', '.join(sorted(manifest.views))}.")
    return [manifest.views[name].extension for name in views]


def label_info(folder: Place, manifest: Manifest, label: str) -> LabelInfo:
    """What a data set says of a label. Raises DatasetError for one that does not exist."""
    if label not in manifest.labels:
        raise DatasetError(f"{folder} has no label {label!r}; it has: {', '.join(sorted(manifest.labels)) or 'none'}.")
    return manifest.labels[label]
