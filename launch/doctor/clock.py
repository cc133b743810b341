"""This machine's clock against another's: a web server's, or that of whoever keeps a shared file system."""

import os
import tempfile
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from pathlib import Path

from sharding.storage.place import Place, Url

_PATIENCE_S = 5.0
_STORES = {"s3": "https://s3.amazonaws.com", "gs": "https://storage.googleapis.com"}
_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "gs": ("STORAGE_EMULATOR_HOST",)}
_SHARED = ("nfs", "nfs4", "cifs", "smb3", "lustre", "ceph", "fuse.ceph", "gpfs", "beegfs", "fuse.glusterfs")
"""Types of file systems whose times come from a server."""


def skew_of(data: Place | None, *, folder: Path) -> tuple[float | None, str]:
    """Seconds by which this clock is ahead, and of what; None and the reason where there is nothing to compare with.

    Args:
        data: the data set; a remote one says what time its server has.
        folder: of the runs, which is there; asked where the data is not remote.
    """
    if isinstance(data, Url):
        return _of_server(data)
    kind = file_system(folder)
    if kind not in _SHARED:
        return None, f"no remote data set is named, and {folder} is on this machine's own disk ({kind})"
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".diptych-") as file:
        file.write(b"what time is it")
        file.flush()
        os.fsync(file.fileno())
        return time.time() - os.fstat(file.fileno()).st_mtime, f"the file system of {folder} ({kind})"


def _of_server(place: Url) -> tuple[float | None, str]:
    named = (os.environ.get(name) for name in _ENDPOINTS.get(place.scheme, ()))
    address = next(filter(None, named), _STORES.get(place.scheme, place.text))
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            said = answer.headers.get("Date")
    except urllib.error.HTTPError as error:  # refused, and dated all the same
        said = error.headers.get("Date")
    except (OSError, ValueError) as error:
        return None, f"{Url(address)} does not answer ({error})"
    now = time.time()
    try:
        # A Date has whole seconds: its moment is half a second later in the mean.
        return now - parsedate_to_datetime(str(said)).timestamp() - 0.5, str(Url(address))
    except (TypeError, ValueError):
        return None, f"{Url(address)} does not say what time it has"


def file_system(folder: Path) -> str:
    """The type of the file system that holds a folder, as /proc/mounts has it."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, name, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if folder.resolve().is_relative_to(place) and len(place) >= len(best):
            best, kind = place, name
    return kind
