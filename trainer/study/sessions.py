"""Sessions of participants: who sees what next, and which answers count. An answer is on disk before it returns.

One process serves a study, and one connection writes: what is asked of a session at the same time comes one by one.
"""

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trainer.study.answers import Answer
from trainer.study.design import IMAGES, Design
from trainer.study.plan import Trial, plan_session
from trainer.study.rows import Rows, Standing, hashed_token
from trainer.study.store import SharedSync, insert_answer, open_answers, transaction

PERSON = "PROLIFIC_PID"
_FORGOTTEN_S = 3600
"""Who has done nothing for so long does not count as one of a method's participants."""
_EARLY = 0.9
"""Part of the time of all exposures that must have gone before an answer."""


class RefusedError(Exception):
    """A request that does not fit the session as it stands: nothing was changed."""


class ClosedError(Exception):
    """Enough have taken part."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a participant answered, as the page sends it."""

    trial: int
    choice: int
    exposures_ms: tuple[float, ...]
    seconds: float


class Sessions:
    """All sessions of one study.

    Args:
        clock: seconds since 1970.

    Raises:
        ConfigError: see `open_answers`.
    """

    def __init__(self, folder: Path, design: Design, *, clock: Callable[[], float] = time.time) -> None:
        self.folder, self.design, self._clock = folder, design, clock
        self._connection = open_answers(folder)
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._sync = SharedSync(folder)
        self._rows = Rows(self._connection)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Write what lies in the journal to the database."""
        with self._lock:
            self._connection.close()

    def num_finished(self) -> int:
        """Participants who have answered everything."""
        with self._lock:
            return self._rows.num_finished()

    def start(self, ids: Mapping[str, str]) -> str:
        """Begin a session, or go on with that of the same person. Returns its token, by which it is known from now on.

        Args:
            ids: of a crowd platform; who comes with the same PERSON is the same.

        Raises ClosedError.
        """
        token, salt = secrets.token_urlsafe(32), bytes.fromhex(self.design.salt)
        person = hmac.digest(salt, ids[PERSON].encode(), "sha256") if ids.get(PERSON) else None
        kept = dict(ids) if self.design.keeps_ids else _hashed(ids, salt)
        with self._changes():
            known = None if person is None else self._rows.value("SELECT id FROM sessions WHERE person = ?", person)
            if known is not None:
                self._change("UPDATE sessions SET token = ? WHERE id = ?", hashed_token(token), known)
                return token
            self._require_open()
            method = self._next_method()
            session = self._rows.insert_session(
                participant=secrets.token_hex(6),
                token=token,
                person=person,
                ids=json.dumps(kept) if kept else None,
                method=method,
                now=self._clock(),
            )
            self._rows.insert_trials(session, plan_session(self.design, session=session, method=method))
        return token

    def standing(self, token: str) -> Standing | None:
        """Where the session stands; None if there is none of this token."""
        with self._lock:
            session = self._rows.session(token)
            return None if session is None else self._rows.standing(session)

    def begin(self, token: str, number: int, *, page: str) -> None:
        """The images of the trial are about to be shown; of those that are shown for a time only, only once.

        Args:
            page: a name of the page that shows them, which may ask again if it has heard nothing.

        Raises RefusedError.
        """
        with self._changes():
            session = self._known(token)
            standing, _ = self._current(session, number)
            if standing.begun is None:
                statement = "UPDATE trials SET begun = ?, begun_by = ? WHERE session = ? AND number = ?"
                self._change(statement, self._clock(), page, session, number)
            elif self.design.exposure_ms and standing.begun_by != page:
                raise RefusedError("These images have been shown.")

    def image(self, token: str, number: int, slot: int) -> Path:
        """The file of an image: of the present trial alone, and before it is shown where that is for a time only.

        Raises RefusedError.
        """
        with self._lock:
            standing, trial = self._current(self._known(token), number)
        if standing.begun is not None and self.design.exposure_ms:
            raise RefusedError("This image has been shown.")
        if not 0 <= slot < len(trial.files):
            raise RefusedError("There is no such image.")
        return self.folder / IMAGES / trial.files[slot]

    def answer(self, token: str, given: Given) -> Trial:
        """Keep an answer, and give the trial that it belongs to. Raises RefusedError; or OSError if the disk fails."""
        with self._changes():
            session = self._known(token)
            standing, trial = self._current(session, given.trial)
            self._require_shown(standing)
            if not 0 <= given.choice < len(trial.choices):
                raise RefusedError("There is no such choice.")
            if len(given.exposures_ms) not in (0, len(trial.files)):
                raise RefusedError("The measured exposures are not those of this trial.")
            insert_answer(self._connection, self._answer(self._rows.participant(session), trial, given))
            now, is_last = self._clock(), standing.number == standing.num_trials - 1
            ended = "UPDATE sessions SET seen = ?, finished = ? WHERE id = ?"
            self._change(ended, now, now if is_last else None, session)
        self._sync()
        return trial

    def _answer(self, participant: str, trial: Trial, given: Given) -> Answer:
        return Answer(
            participant=participant,
            protocol=self.design.protocol,
            part=trial.part,
            trial=given.trial,
            method=trial.method,
            rival=trial.rival,
            image=trial.image,
            value=trial.choices[given.choice],
            exposures_ms=given.exposures_ms,
            seconds=given.seconds,
        )

    @contextmanager
    def _changes(self) -> Iterator[None]:
        with self._lock, transaction(self._connection):
            yield

    def _change(self, statement: str, *values: object) -> None:
        self._connection.execute(statement, values)

    def _known(self, token: str) -> int:
        session = self._rows.session(token)
        if session is None:
            raise RefusedError("There is no such session.")
        return session

    def _current(self, session: int, number: int) -> tuple[Standing, Trial]:
        """The standing, if that is the trial that is to be answered. Raises RefusedError."""
        standing = self._rows.standing(session)
        if standing.trial is None or standing.number != number:
            raise RefusedError("This is not the trial that comes next.")
        return standing, standing.trial

    def wait_s(self, standing: Standing) -> float:
        """Seconds until what is to be judged can have been seen, once it has begun."""
        if standing.trial is None or standing.begun is None:
            return 0.0
        gone = self._clock() - standing.begun
        least = _EARLY * (self.design.exposure_ms or 0) * len(standing.trial.files) / 1000
        return max(0.0, least - gone) if gone >= 0 else 0.0  # a clock that was put back tells nothing

    def _require_shown(self, standing: Standing) -> None:
        if standing.begun is None or self.wait_s(standing) > 0:
            raise RefusedError("The images of this trial have not been shown yet.")

    def _require_open(self) -> None:
        most = self.design.most_participants
        if most is not None and self._rows.num_finished() >= most:
            raise ClosedError

    def _next_method(self) -> str | None:
        """The method of the fewest who have finished or are about to; None where a session shows all."""
        if self.design.protocol != "real-or-fake":
            return None
        counts = self._rows.num_of_methods(since=self._clock() - _FORGOTTEN_S)
        fewest = min(counts.get(method, 0) for method in self.design.methods)
        return secrets.choice([method for method in self.design.methods if counts.get(method, 0) == fewest])


def _hashed(ids: Mapping[str, str], salt: bytes) -> dict[str, str]:
    return {name: hmac.new(salt, value.encode(), "sha256").hexdigest() for name, value in ids.items()}
