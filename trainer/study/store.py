"""The answers of a study, in answers.sqlite: durable one by one, whoever gave them.

The journal is written ahead (WAL), so that reports read while a server writes, and synced at every commit.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from sharding.storage.files import sync
from trainer.config.errors import ConfigError
from trainer.study.answers import Answer

FILE_NAME = "answers.sqlite"
_VERSION = 1
_PATIENCE_S = 30
"""For which one writer waits for another."""

_SCHEMA = (
    """CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        participant TEXT NOT NULL UNIQUE,
        token BLOB NOT NULL UNIQUE,
        person BLOB UNIQUE,
        ids TEXT,
        method TEXT,
        started REAL NOT NULL,
        seen REAL NOT NULL,
        finished REAL
    )""",
    """CREATE TABLE trials (
        session INTEGER NOT NULL REFERENCES sessions,
        number INTEGER NOT NULL,
        part TEXT NOT NULL,
        method TEXT NOT NULL,
        rival TEXT,
        image TEXT NOT NULL,
        files TEXT NOT NULL,
        choices TEXT NOT NULL,
        begun REAL,
        begun_by TEXT,
        PRIMARY KEY (session, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE answers (
        participant TEXT NOT NULL,
        trial INTEGER NOT NULL,
        protocol TEXT NOT NULL,
        part TEXT NOT NULL,
        method TEXT NOT NULL,
        rival TEXT,
        image TEXT NOT NULL,
        value REAL NOT NULL,
        exposures_ms TEXT NOT NULL,
        seconds REAL,
        PRIMARY KEY (participant, trial)
    ) WITHOUT ROWID""",
)
_COLUMNS = "participant, protocol, part, trial, method, rival, image, value, exposures_ms, seconds"


def open_answers(folder: Path) -> sqlite3.Connection:
    """The database of a study, made if it is not there; in autocommit mode, for one thread at a time.

    Raises:
        ConfigError: it is damaged, or cannot be written, or a later version made it.
    """
    path = folder / FILE_NAME
    try:
        connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _bring_up(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise ConfigError("study", str(path), f"{error}. Put a copy of it there, or free its disk.") from error
    return connection


def _bring_up(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, once."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise ConfigError(
                "study", str(path), f"was made by a later version of Diptych ({version}): update Diptych."
            )
        if version == 0:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside, durable at its end, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class SharedSync:
    """Makes durable what a connection has committed with `PRAGMA synchronous = NORMAL`, for threads that wait together.

    A sync takes milliseconds, and one is enough for all that was committed before it began.
    """

    def __init__(self, folder: Path) -> None:
        self._journal = folder / f"{FILE_NAME}-wal"
        self._counting, self._syncing = Lock(), Lock()
        self._asked = self._done = 0

    def __call__(self) -> None:
        """Return when all that the caller has committed is on disk. Raises OSError."""
        with self._counting:
            self._asked += 1
            mine = self._asked
        with self._syncing:
            if self._done >= mine:
                return
            with self._counting:
                latest = self._asked
            sync(self._journal)
            self._done = latest


def insert_answer(connection: sqlite3.Connection, answer: Answer) -> bool:
    """Write one answer. False if the participant has answered that trial before: what is there stays."""
    row = (
        answer.participant,
        answer.protocol,
        answer.part,
        answer.trial,
        answer.method,
        answer.rival,
        answer.image,
        answer.value,
        json.dumps(answer.exposures_ms),
        answer.seconds,
    )
    marks = ", ".join("?" * len(row))
    statement = f"INSERT INTO answers ({_COLUMNS}) VALUES ({marks}) ON CONFLICT (participant, trial) DO NOTHING"
    cursor = connection.execute(statement, row)
    return cursor.rowcount > 0


def add_answers(folder: Path, answers: Sequence[Answer]) -> int:
    """Write answers that were given elsewhere; all or none, and none twice. Returns how many are new.

    Raises ConfigError as `open_answers`.
    """
    with closing(open_answers(folder)) as connection, transaction(connection):
        return sum(insert_answer(connection, answer) for answer in answers)


def read_answers(folder: Path) -> list[Answer]:
    """All answers of a study, by participants and in the order in which these gave them; also while it is served.

    Raises ConfigError as `open_answers`.
    """
    if not (folder / FILE_NAME).exists():
        return []
    with closing(open_answers(folder)) as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM answers ORDER BY participant, trial").fetchall()
    return [
        Answer(
            participant=participant,
            protocol=protocol,
            part=part,
            trial=trial,
            method=method,
            rival=rival,
            image=image,
            value=value,
            exposures_ms=tuple(json.loads(exposures_ms)),
            seconds=seconds,
        )
        for participant, protocol, part, trial, method, rival, image, value, exposures_ms, seconds in rows
    ]
