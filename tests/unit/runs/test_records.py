"""Records of a run that are damaged, foreign or no files at all: an error that names the file, never a wait."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.config.errors import ConfigError
from trainer.monitoring import metrics_file as jsonl
from trainer.monitoring.metrics_file import JsonlLogger, read_metrics
from trainer.runs.rundir import RunDir

EVALUATION = {"test": {"position": 1200, "num_images": 3, "scores": {"eval/psnr": 11.5}}}


@pytest.fixture
def run(tiny_run: RunDir) -> RunDir:
    tiny_run.evaluation_file.write_text(json.dumps(EVALUATION))
    tiny_run.write_early_stop(position=16, reason="no better")
    tiny_run.metrics_file.write_text('{"position": 8, "loss/l1": 0.5}\n{"position": 16, "loss/l1": NaN}\n')
    return tiny_run


READERS: dict[str, Callable[[RunDir], Any]] = {
    "run.json": RunDir.config,
    "evaluation.json": RunDir.evaluations,
    "early_stop.json": RunDir.early_stop,
    "metrics.jsonl": lambda run: read_metrics(run.metrics_file),
}


def test_whole_records_are_read(run: RunDir):
    assert run.record()["preset"] == "tiny-preset"
    assert run.evaluations() == EVALUATION
    assert run.early_stop() == {"format": 1, "position": 16, "reason": "no better"}
    assert [line["position"] for line in read_metrics(run.metrics_file)] == [8, 16]


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_link(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("{}\n")
    path.symlink_to(other)


def as_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(300 * 2**20)  # takes no room on the disk


CONTENTS: dict[str, bytes] = {
    "nothing": b"\n",
    "cut": b'{"position": 3, "con\n',
    "deep": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "deep-inside": b'{"test": ' + b"[" * 400 + b"]" * 400 + b"}\n",
    "list": b"[]\n",
    "text": b'"position"\n',
    "null": b"null\n",
    "bytes": b'{"position": 1, "\xff": 1}\n',
    "half-character": b'{"position": 1, "\\ud800": 1}\n',
    "zeros": bytes(100) + b"\n",
}
KINDS = {
    **{name: (lambda path, content=content: path.write_bytes(content)) for name, content in CONTENTS.items()},
    "pipe": as_pipe,
    "link": as_link,
    "endless": as_endless,
    "folder": Path.mkdir,
    "huge": as_huge,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_anything_else_in_its_place_is_an_error_that_names_it(kind: str, name: str, run: RunDir):
    path = run.path / name
    path.unlink()
    KINDS[kind](path)
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
        READERS[name](run)


HUGE = 10**400


@pytest.mark.parametrize("position", ["3", None, -1, 1.5, float("nan"), float("inf"), HUGE, [1], True])
def test_a_position_is_a_count(position: Any, run: RunDir):
    run.metrics_file.write_text('{"position": 8}\n' + json.dumps({"position": position}) + "\n")
    with pytest.raises(ConfigError, match=r"metrics\.jsonl': line 2 is damaged"):
        read_metrics(run.metrics_file)
    entry = EVALUATION["test"] | {"position": position}
    run.evaluation_file.write_text(json.dumps({"test": entry}))
    with pytest.raises(ConfigError, match=r"evaluation\.json': has splits\.test\.position = "):
        run.evaluations()


@pytest.mark.parametrize("missing", ["position", "num_images", "scores"])
def test_an_evaluation_that_lacks_something_says_what(missing: str, run: RunDir):
    entry = {key: value for key, value in EVALUATION["test"].items() if key != missing}
    run.evaluation_file.write_text(json.dumps({"test": entry}))
    with pytest.raises(ConfigError, match=rf"lacks splits\.test\.{missing}"):
        run.evaluations()


@pytest.mark.parametrize("score", ["11.5", None, [11.5], {}])
def test_scores_are_numbers(score: Any, run: RunDir):
    run.metrics_file.write_text(json.dumps({"position": 8, "eval/psnr": score}) + "\n")
    with pytest.raises(ConfigError, match="line 1 is damaged"):
        read_metrics(run.metrics_file)


def test_numbers_beyond_all_measure_count_as_infinite(run: RunDir):
    run.metrics_file.write_text(json.dumps({"position": 8, "eval/psnr": HUGE}) + "\n")
    assert read_metrics(run.metrics_file)[0]["eval/psnr"] == float("inf")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("wandb_id", "../../other"),
        ("wandb_id", "x\n"),
        ("wandb_id", 3),
        ("dataset_sha256", "A" * 64),
        ("dataset_sha256", "../x"),
        ("command", "diptych train"),
        ("started", "yesterday"),
        ("preset", 7),
        ("preset", "x" * 5000),
        ("versions", []),
        ("config", []),
    ],
)
def test_a_run_says_only_what_it_may(key: str, value: Any, run: RunDir):
    run.run_file.write_text(json.dumps(run.record() | {key: value}))
    with pytest.raises(ConfigError, match=rf"run\.json': has {key} = "):
        run.record()


@pytest.mark.parametrize("key", ["preset", "command", "started", "wandb_id", "dataset_sha256", "config"])
def test_a_run_that_lacks_something_says_what(key: str, run: RunDir):
    record = run.record()
    del record[key]
    run.run_file.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=rf"run\.json': lacks {key}"):
        run.config()


def test_a_damaged_line_stops_the_logger_before_it_writes(run: RunDir):
    damaged = b'{"position": 8}\n{"posi\x00ion": 16}\n{"position": 24}\n'
    run.metrics_file.write_bytes(damaged)
    with pytest.raises(ConfigError, match=r"line 2 is damaged: it is not JSON"):
        JsonlLogger(run.metrics_file, position=24)
    assert run.metrics_file.read_bytes() == damaged


def test_a_last_line_that_was_cut_is_left_out(run: RunDir):
    run.metrics_file.write_bytes(b'{"position": 8}\n{"position": 16}\n{"posi')
    assert [line["position"] for line in read_metrics(run.metrics_file)] == [8, 16]


def test_metrics_beyond_the_bound_are_not_read(run: RunDir, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jsonl, "LARGEST_METRICS", run.metrics_file.stat().st_size - 1)
    with pytest.raises(ConfigError, match="is larger than"):
        read_metrics(run.metrics_file)
