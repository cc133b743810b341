"""HITs of a study on Mechanical Turk itself, through boto3: the one place that knows Amazon's interface.

Not yet run against Amazon: tested with botocore's Stubber, which checks what is sent against Amazon's own description.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

from trainer.config.errors import ConfigError

Place = Literal["sandbox", "live"]
"""Amazon's place to try in, with no money, or the real one."""

_ENDPOINTS: dict[Place, str] = {
    "sandbox": "https://mturk-requester-sandbox.us-east-1.amazonaws.com",
    "live": "https://mturk-requester.us-east-1.amazonaws.com",
}
_SCHEMA = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/HTMLQuestion.xsd"
_FEE, _LEAST_FEE = 0.2, 0.01
"""Amazon's share of a reward, for HITs of fewer than ten assignments; and dollars, of each."""
_LARGEST = 65_535
"""Bytes of a question."""


class RefusedError(Exception):
    """Amazon refuses, or is not to be reached; the message is Amazon's."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What workers are told and paid."""

    title: str
    description: str
    reward: float
    """Dollars for a HIT."""
    minutes: int
    """In which it is to be done."""
    days: int
    """For which it is offered."""


def cost(num_hits: int, reward: float) -> float:
    """Dollars of so many HITs of one assignment, Amazon's fee included."""
    return num_hits * (reward + max(_LEAST_FEE, _FEE * reward))


def open_requester(place: Place) -> Any:
    """A client of boto3. Raises ConfigError if there are no keys, RefusedError if half of them is missing."""
    import boto3
    from botocore.config import Config

    session = boto3.Session()
    with refusals():
        keys = session.get_credentials()
    if keys is None:
        remedy = "is not set, nor are there keys in ~/.aws: set it and AWS_SECRET_ACCESS_KEY to a requester's keys."
        raise ConfigError("AWS_ACCESS_KEY_ID", None, remedy)
    settings = Config(retries={"mode": "standard", "max_attempts": 5})
    return session.client("mturk", region_name="us-east-1", endpoint_url=_ENDPOINTS[place], config=settings)


@contextmanager
def refusals() -> Iterator[None]:
    """Raise RefusedError where a client is refused."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise RefusedError(str(error)) from error


def question_of(page: str) -> str:
    """A page as Amazon takes it. Raises ConfigError if it is too large."""
    assert "]]>" not in page
    content = f"<HTMLContent><![CDATA[{page}]]></HTMLContent><FrameHeight>0</FrameHeight>"
    question = f'<HTMLQuestion xmlns="{_SCHEMA}">{content}</HTMLQuestion>'
    if (size := len(question.encode())) > _LARGEST:
        remedy = f"bytes are more than Amazon's {_LARGEST}: ask for fewer trials, or upload what export-mturk writes."
        raise ConfigError("page", size, remedy)
    return question


def publish(
    client: Any, questions: Mapping[int, str], terms: Terms, *, secret: str, keep: Callable[[int, str], None]
) -> None:
    """Create a HIT of each question, and give its number and identifier to `keep` at once.

    Args:
        secret: of this study and place: a request that is repeated because its answer was lost makes no second HIT.

    Raises:
        RefusedError: Amazon refuses one; those before it are published.
    """
    for number, question in questions.items():
        token = hashlib.sha256(f"{secret}/{number}".encode()).hexdigest()
        with refusals():
            answer = client.create_hit(
                Title=terms.title,
                Description=terms.description,
                Keywords="images, perception, research",
                Reward=f"{terms.reward:.2f}",
                MaxAssignments=1,
                AssignmentDurationInSeconds=60 * terms.minutes,
                LifetimeInSeconds=86_400 * terms.days,
                Question=question,
                UniqueRequestToken=token,
            )
        keep(number, answer["HIT"]["HITId"])


def balance_of(client: Any) -> str:
    """Dollars that the account has. Raises RefusedError."""
    with refusals():
        return client.get_account_balance()["AvailableBalance"]


def fetch(client: Any, hits: Mapping[int, str], rows: Mapping[int, Mapping[str, str]]) -> list[dict[str, str]]:
    """What workers have submitted to these HITs: rows as in a file of results. Raises RefusedError."""
    pages, found = client.get_paginator("list_assignments_for_hit"), []
    for number, hit in hits.items():
        given = {f"Input.{name}": value for name, value in rows[number].items()}
        with refusals():
            asked = list(pages.paginate(HITId=hit, AssignmentStatuses=["Submitted", "Approved"]))
        for assignment in (assignment for page in asked for assignment in page["Assignments"]):
            told = {name: assignment[name] for name in ("WorkerId", "AssignmentId", "AssignmentStatus")}
            found.append({**given, **told, **_answers(assignment["Answer"], assignment["AssignmentId"])})
    return found


def _answers(text: str, assignment: str) -> dict[str, str]:
    """QuestionFormAnswers -> columns."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ConfigError("Answer", assignment, f"is no XML ({error}); reject it, or take it out by hand.") from error
    found = {}
    for answer in root.iterfind("{*}Answer"):
        name, value = answer.findtext("{*}QuestionIdentifier"), answer.findtext("{*}FreeText")
        found[f"Answer.{name}"] = value or ""
    return found
