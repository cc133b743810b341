"""Reads pictures again that were named, to be shown."""

from collections.abc import Collection

import numpy as np

from sharding.errors import DatasetError
from sharding.examining.common import as_common
from sharding.examining.samples import iterate, list_parts
from sharding.format.codec.decoding import decode, decode_indices
from sharding.format.manifest_file import read_manifest
from sharding.storage.cache import Cache
from sharding.storage.place import Place


def read_named(place: Place, wanted: Collection[tuple[str, str]], *, cache: Cache | None) -> dict:
    """(view, `split/key`) -> (H, W, 3) uint8 of each that can be read."""
    manifest = read_manifest(place)
    found: dict[tuple[str, str], np.ndarray] = {}
    names = {name for _, name in wanted}
    for part, shard, index in iterate(list_parts(place, manifest, limit=None, cache=cache)):
        name = f"{part.split}/{part.reader.key(shard, index)}"
        views = [view for view in part.views if (view, name) in wanted] if name in names else []
        if not views:
            continue
        try:
            files = part.reader.read(shard, index)
            for view in views:
                info = manifest.views[view]
                read = decode_indices if info.content == "classes" else decode
                pixels = read(files[view], name=name)
                found[view, name] = as_common(pixels, view=info, classes=manifest.classes)
        except DatasetError:
            continue  # it was told as unreadable
    return found
