"""The picture of a table, as the papers have them: some images, and what each finished row makes of them."""

from collections.abc import Sequence
from pathlib import Path

from launch.machine.devices import choose_device
from sharding.console import PlainConsole, one_line
from sharding.errors import DatasetError
from sweeps.tables.asked import AskedRun
from trainer.config.errors import ConfigError
from trainer.runs.opened import OpenRun, open_run


def draw_table(asked: Sequence[AskedRun], path: Path, *, console: PlainConsole) -> Path | None:
    """Write the picture; of a row's runs the first that is finished is in it. Says which cannot be shown, and why.

    Returns the path, or None where no run is finished or none can be shown.
    """
    runs: dict[str, OpenRun] = {}
    splits: list[str] = []
    for one in asked:
        if one.row.title in runs or not one.run.run_file.is_file():
            continue
        try:
            if one.run.is_finished(one.split):
                runs[one.row.title] = open_run(one.run)
                splits.append(one.split)
        except (ConfigError, DatasetError) as error:
            console.print(one_line(f"not in the picture: {one.name}: {error}"))
    if not runs:
        return None
    from trainer.evaluation.same_images import draw_same_images  # which loads torch

    left_out = draw_same_images(runs, split=splits[0], path=path, device=choose_device("auto"))
    for title, why in left_out.items():
        console.print(one_line(f"not in the picture: {title}: {why}"))
    return path if len(left_out) < len(runs) else None
