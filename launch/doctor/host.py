"""What one machine says of itself, as far as a run depends on it. Imports no torch: it is asked before each start."""

import hashlib
import os
import platform
import resource
import shutil
import socket
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from launch.embedded import embedded_command
from launch.machine.devices import count_cores, describe_gpus
from sharding.errors import AbsentError, DatasetError
from sharding.format.manifest_file import manifest_bytes
from sharding.storage.place import Place, Url
from sharding.storage.records import checked
from sharding.storage.typed import NO_OTHERS, Limits
from trainer.ranks.room import free_memory
from trainer.runs.provenance import commit, versions

SHARED_MEMORY = Path("/dev/shm")
_Text = Annotated[str, Limits(max_length=4096)]


@dataclass(frozen=True, kw_only=True)
class HostReport:
    """The state of one machine."""

    __pydantic_config__ = NO_OTHERS

    host: _Text
    """Its name in the hostfile."""
    versions: Annotated[dict[_Text, _Text], Limits(max_length=100)]
    """Of Python, Diptych (`commit`) and the packages that training stands on."""
    gpus: Annotated[list[_Text], Limits(max_length=1024)]
    """Name and memory of each."""
    num_cores: int
    memory_gb: float
    """Free for new processes."""
    shared_memory_gb: float
    open_files: int
    """Limit of open files of a process."""
    run_free_gb: float
    """Room on the disk of the run's folder."""
    clock: float
    """Seconds since 1970, when it was asked."""
    data: _Text
    """SHA-256 of the data set's manifest; empty if there is none, and it can be made there."""
    problems: Annotated[list[_Text], Limits(max_length=100)] = field(default_factory=list)
    """What no comparison is needed for, each with its remedy."""

    def to_record(self) -> dict[str, Any]:
        """JSON values, for `parse_report` on another machine."""
        return asdict(self)


def parse_report(record: object) -> HostReport:
    """What `to_record` gave. Raises RecordError if it is anything else."""
    return checked(record, HostReport)


def look_at_host(name: str, *, run: Path, data: Place | None = None, address: str = "") -> HostReport:
    """Look at this machine. What is wrong is noted, not raised.

    Args:
        name: of this machine, as the hostfile has it.
        run: folder of the run, which need not be there yet.
        data: the data set, if the run has one.
        address: by which others reach this machine; empty if there are no others.
    """
    problems: list[str] = []
    digest = "" if data is None else _look_at_data(data, problems)
    free = _look_at_run(run, problems)
    if address:
        _look_at_address(address, problems)
    return HostReport(
        host=name,
        versions={"Python": platform.python_version(), "commit": commit() or "none", **versions()},
        gpus=describe_gpus(),
        num_cores=count_cores(),
        memory_gb=free_memory() / 1e9,
        shared_memory_gb=_free_bytes(SHARED_MEMORY) / 1e9,
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        run_free_gb=free / 1e9,
        data=digest,
        problems=problems,
        clock=time.time(),
    )


def _look_at_data(data: Place, problems: list[str]) -> str:
    try:
        return hashlib.sha256(manifest_bytes(data)).hexdigest()
    except AbsentError as error:
        if isinstance(data, Url) or embedded_command(data) is None:
            problems.append(f"{error} Copy the data set there, or mount the file system that holds it.")
    except DatasetError as error:
        problems.append(str(error))
    return ""


def _look_at_run(run: Path, problems: list[str]) -> int:
    """Write a file there, or where its folder will be made, and remove it. Returns the free bytes."""
    folder = next(parent for parent in (run.absolute(), *run.absolute().parents) if parent.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".diptych-") as file:
            file.write(b"written to see whether one can")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        problems.append(f"{folder} cannot be written ({error.strerror}); give --runs a folder that can be.")
    return _free_bytes(folder)


def _look_at_address(address: str, problems: list[str]) -> None:
    """Whether a port can be had at the address under which the others reach this machine."""
    try:
        family, _, _, _, place = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.bind(place)
    except OSError as error:
        problems.append(
            f"no port can be had at {address} ({error.strerror}): is that an address of this machine? Name it in the "
            "hostfile as the others reach it."
        )


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
