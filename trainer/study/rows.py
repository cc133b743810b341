"""What the database of a study holds of sessions and their trials, read and written inside of its owner's lock."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.study.plan import Trial


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a session stands."""

    number: int
    """Of the trial that is to be answered, from 0; of one that is finished, that of its trials."""
    num_trials: int
    trial: Trial | None
    """None if all are answered."""
    begun: float | None = None
    """When its images began to be shown; None if they have not been."""
    begun_by: str | None = None
    """The page that showed them."""


class Rows:
    """Sessions and trials."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def value(self, query: str, *values: object) -> Any:
        """The first column of the first row; None if there is no row."""
        row = self._connection.execute(query, values).fetchone()
        return None if row is None else row[0]

    def session(self, token: str) -> int | None:
        """Its number, by its token."""
        return self.value("SELECT id FROM sessions WHERE token = ?", hashed_token(token))

    def participant(self, session: int) -> str:
        """The name of no meaning."""
        return self.value("SELECT participant FROM sessions WHERE id = ?", session)

    def num_finished(self) -> int:
        """Sessions with all answers."""
        return self.value("SELECT count(*) FROM sessions WHERE finished IS NOT NULL")

    def num_of_methods(self, *, since: float) -> dict[str, int]:
        """Method -> sessions that are finished, or in which something has happened since a time."""
        query = "SELECT method, count(*) FROM sessions WHERE finished IS NOT NULL OR seen > ? GROUP BY method"
        return dict(self._connection.execute(query, (since,)).fetchall())

    def standing(self, session: int) -> Standing:
        """The first trial without an answer: they are answered in order."""
        num_trials = self.value("SELECT count(*) FROM trials WHERE session = ?", session)
        number = self.value("SELECT count(*) FROM answers WHERE participant = ?", self.participant(session))
        query = (
            "SELECT part, method, rival, image, files, choices, begun, begun_by FROM trials "
            "WHERE session = ? AND number = ?"
        )
        row = self._connection.execute(query, (session, number)).fetchone()
        if row is None:
            return Standing(number=number, num_trials=num_trials, trial=None)
        part, method, rival, image, files, choices, begun, begun_by = row
        trial = Trial(
            part=part,
            method=method,
            rival=rival,
            image=image,
            files=tuple(json.loads(files)),
            choices=tuple(json.loads(choices)),
        )
        return Standing(number=number, num_trials=num_trials, trial=trial, begun=begun, begun_by=begun_by)

    def insert_session(
        self, *, participant: str, token: str, person: bytes | None, ids: str | None, method: str | None, now: float
    ) -> int:
        """Returns its number."""
        columns = "participant, token, person, ids, method, started, seen"
        values = (participant, hashed_token(token), person, ids, method, now, now)
        statement = f"INSERT INTO sessions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        session = self._connection.execute(statement, values).lastrowid
        assert session is not None
        return session

    def insert_trials(self, session: int, trials: Sequence[Trial]) -> None:
        """The session's plan."""
        rows = [
            (
                session,
                number,
                *(trial.part, trial.method, trial.rival, trial.image),
                *(json.dumps(trial.files), json.dumps(trial.choices)),
            )
            for number, trial in enumerate(trials)
        ]
        columns = "session, number, part, method, rival, image, files, choices"
        self._connection.executemany(f"INSERT INTO trials ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def hashed_token(token: str) -> bytes:
    """What is kept of a token: who reads the database cannot go on with anybody's session."""
    return hashlib.sha256(token.encode()).digest()
