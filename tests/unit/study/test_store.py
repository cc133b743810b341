"""Answers are kept as they were given, once."""

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.unit.study.conftest import Served
from tests.unit.study.studies import answer
from trainer.config.errors import ConfigError
from trainer.study import store
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


def test_one_sync_is_enough_for_all_who_wait_and_the_one_under_way_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on, synced = Event(), Event(), []

    def slow_sync(path: Path) -> None:
        begun.set()
        assert goes_on.wait(60)
        synced.append(path.name)

    monkeypatch.setattr(store, "sync", slow_sync)
    shared = store.SharedSync(tmp_path)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(shared)
        assert begun.wait(60)
        others = [pool.submit(shared) for _ in range(5)]
        while shared._asked < 6:  # pyright: ignore[reportPrivateUsage]
            time.sleep(0.001)
        assert not any(other.done() for other in others)
        goes_on.set()
        for each in (first, *others):
            each.result(timeout=60)
    assert synced == ["answers.sqlite-wal"] * 2


def test_an_answer_is_synced_after_it_was_committed(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(num_practice=0)
    client = served.started()
    served.see(client, 0)
    committed = []
    monkeypatch.setattr(store, "sync", lambda path: committed.append((path.exists(), len(served.answers()))))
    served.reply(client, 0)
    assert committed == [(True, 1)]
