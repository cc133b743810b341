"""results.parquet: a sweep as a table for programs, one row for each trial."""

import io
import json
from collections.abc import Sequence
from typing import Any

from sharding.storage.files import write_atomically
from sweeps.history import History
from sweeps.plan import Sweep, SweepDir
from sweeps.rows import TrialRow


def write_results(folder: SweepDir, sweep: Sweep, histories: Sequence[History]) -> None:
    """Write results.parquet: what each trial changed, by path; how it stands; all its scores; what it cost.

    `kimg` are thousands of images seen, `seconds` those of training and scoring, `run` the trial's folder inside the
    sweep's. A path that has no effect in a trial is null there; lists are JSON.
    """
    import pyarrow as pa  # not above: it is not needed to start
    from pyarrow import parquet

    columns = {
        "trial": [history.row.trial for history in histories],
        "state": [history.row.state for history in histories],
        "kimg": [history.row.position / 1000 for history in histories],
        "seconds": [history.seconds for history in histories],
        **{
            path: _column([history.row.overrides.get(path) for history in histories])
            for path in sweep.search_space.domains
        },
        **{key: _floats(histories, key) for key in _score_keys(sweep, [history.row for history in histories])},
        "num_restarts": [history.row.num_restarts for history in histories],
        "error": pa.array([history.row.error for history in histories], pa.string()),
        "run": [str(folder.run(history.row.trial).path.relative_to(folder.path)) for history in histories],
    }
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    write_atomically(folder.results, buffer.getvalue())


def _score_keys(sweep: Sweep, rows: Sequence[TrialRow]) -> list[str]:
    """All there are, the sweep's own first."""
    return list(dict.fromkeys([sweep.metric, *(key for row in rows for key in sorted(row.scores))]))


def _floats(histories: Sequence[History], key: str) -> Any:
    import pyarrow as pa

    return pa.array([history.row.scores.get(key) for history in histories], pa.float64())


def _column(values: Sequence[Any]) -> Sequence[Any]:
    """Values of one type: as they are, or as real numbers, or else as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and kinds <= {bool, int, float, str}:
        return values
    if kinds <= {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]
