"""Looks at a data set on a user's behalf: progress, text, and files of what was found."""

import json
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from launch.machine.devices import count_cores
from sharding.bars import progress_bars
from sharding.console import PlainConsole
from sharding.format.manifest_file import manifest_bytes
from sharding.storage.files import write_atomically
from sharding.storage.memory import keep_freed_memory
from sharding.storage.place import Place, Url, place_problem
from trainer.config.data import DataConfig
from trainer.config.errors import require

if TYPE_CHECKING:
    from sharding.examining.found import Found
    from sharding.examining.judge import Finding

_MOST_WORKERS = 8
WRONG = 1
"""Exit status where something is wrong with the data set."""


def look_at_data(
    place: Place, console: PlainConsole, *, limit: int | None, most_shift: float, page: Path | None, record: Path | None
) -> int:
    """Print what is found. Returns the exit status.

    Args:
        limit, most_shift: as `examine` has them.
        page: a page to write, with pictures; None for none.
        record: a JSON file to write; None for none.

    Raises:
        ConfigError: a limit or a file that cannot be; asked before anything is read.
        DatasetError: there is no data set, or it is damaged.
    """
    _check(place, limit=limit, most_shift=most_shift, files={"html": page, "json": record})
    if isinstance(place, Path):
        manifest_bytes(place)  # that there is no data set is told before all that looks at one is loaded
    from launch.doctor.data_text import print_found
    from sharding.examining.examine import examine
    from sharding.examining.judge import judge
    from sharding.storage.cache import Cache

    keep_freed_memory()
    cache = None
    if isinstance(place, Url):
        settings = DataConfig(path=place)
        cache = Cache(settings.cache_folder, max_bytes=int(settings.cache_limit_gb * 1e9))
    workers = min(_MOST_WORKERS, count_cores())
    with progress_bars(console) as bar:
        found = examine(
            place, limit=limit, most_shift=most_shift, workers=workers, cache=cache, progress=bar("samples")
        )
    findings = judge(found)
    print_found(console, found, findings)
    if record is not None:
        _write_record(record, found, findings)
    if page is not None:
        from launch.doctor.data_page import write_data_page

        write_data_page(page, found, findings, place=place, cache=cache)
        console.print(f"Page: {page}")
    return _conclude(console, place, found, findings)


def _check(place: Place, *, limit: int | None, most_shift: float, files: dict[str, Path | None]) -> None:
    problem = place_problem(place)
    require(problem is None, "DATA", str(place), str(problem))
    require(limit is None or limit >= 1, "limit", limit, "use 1 or more.")
    require(most_shift >= 0, "most_shift", most_shift, "use 0 or more pixels.")
    for name, file in files.items():
        require(file is None or not file.is_dir(), name, str(file), "is a folder; give a file.")


def _write_record(file: Path, found: "Found", findings: "list[Finding]") -> None:
    record = {**found.to_record(), "findings": [asdict(finding) for finding in findings]}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(record, indent=1).encode() + b"\n")


def _conclude(console: PlainConsole, place: Place, found: "Found", findings: "list[Finding]") -> int:
    num_wrong = sum(finding.is_wrong for finding in findings)
    verdict = f"{num_wrong} wrong, {len(findings) - num_wrong} to look at" if findings else "nothing found"
    console.print(f"{place}: {found.num_looked} of {found.num_samples} samples looked at: {verdict}.")
    if found.is_interrupted:
        console.print("Interrupted: what was not looked at may hold more.", style="yellow")
        return 128 + signal.SIGINT
    return WRONG if num_wrong else 0
