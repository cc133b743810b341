"""Answers are kept as they were given, once."""

import sqlite3
from pathlib import Path

import pytest

from tests.unit.study.studies import answer
from trainer.config.errors import ConfigError
from trainer.study.store import FILE_NAME, add_answers, open_answers, read_answers


def test_answers_come_back_as_they_were_given(tmp_path: Path) -> None:
    given = [
        answer(trial=0, exposures_ms=(1001.5, 999.25), seconds=0.5),
        answer(trial=1, protocol="preference", method="one", rival="two", value=0.0),
        answer(participant="bob", part="attention", protocol="realness", value=3.0),
    ]
    assert add_answers(tmp_path, given) == 3
    assert read_answers(tmp_path) == given


def test_an_answer_is_kept_once(tmp_path: Path) -> None:
    add_answers(tmp_path, [answer(value=1.0)])
    assert add_answers(tmp_path, [answer(value=0.0), answer(trial=1)]) == 1
    assert [each.value for each in read_answers(tmp_path)] == [1.0, 1.0]


def test_of_a_folder_without_answers_nothing_is_made(tmp_path: Path) -> None:
    assert read_answers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_all_or_none_are_written(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        add_answers(tmp_path, [answer(), answer(trial=1, method=None)])
    assert read_answers(tmp_path) == []


def test_every_commit_is_synced(tmp_path: Path) -> None:
    connection = open_answers(tmp_path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize("content", [b"no database at all, but of some length" * 40, b"SQLite format 3\0"])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(ConfigError, match=r"answers\.sqlite"):
        read_answers(tmp_path)


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    connection = open_answers(tmp_path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="update Diptych"):
        read_answers(tmp_path)
