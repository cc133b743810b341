"""Whether shards are translated, and which samples, as the command line says it."""

from typing import Literal

from sharding.format.manifest import FILE_NAME
from sharding.storage.place import Place, Url

Split = Literal["train", "val", "test", "all"]
TAR = ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


def is_shards(source: Place) -> bool:
    """Whether `--in` is a data set or tars, and not files of pictures."""
    if isinstance(source, Url):
        return True
    if source.name.lower().endswith((TAR, *PACKED)):
        return not source.is_dir()
    return (source / FILE_NAME).is_file()
