import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
import pytest
from botocore.stub import ANY, Stubber

from launch.study import export_mturk, import_mturk, publish
from tests.unit.study.made import study_with_checks
from trainer.config.errors import ConfigError
from trainer.study.mturk.requester import cost, open_requester, question_of
from trainer.study.store import read_answers


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple]:
    """A client of boto3 that goes nowhere: what is sent is checked against Amazon's description."""
    made = boto3.client(
        "mturk",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        endpoint_url="http://x",
    )
    with Stubber(made) as stubber:
        for module in (publish, import_mturk):
            monkeypatch.setattr(module, "open_requester", lambda place: made)
        yield made, stubber


@pytest.fixture
def images_url(study: Path) -> Iterator[str]:
    options = export_mturk.Options(study=study, csv=study.parent / "h.csv", images_url="https://a.b", num_hits=1)
    export_mturk.main(options)
    with served(study.parent / "h-images") as url:
        yield url


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def expect_hits(stubber: Stubber, *hits: str) -> None:
    stubber.add_response("get_account_balance", {"AvailableBalance": "10000.00"})
    for hit in hits:
        sent = {
            "Title": "Which is it?",
            "Description": ANY,
            "Keywords": ANY,
            "Reward": "0.50",
            "MaxAssignments": 1,
            "AssignmentDurationInSeconds": 3600,
            "LifetimeInSeconds": 7 * 86400,
            "Question": ANY,
            "UniqueRequestToken": ANY,
        }
        stubber.add_response("create_hit", {"HIT": {"HITId": hit}}, sent)


def options_of(study: Path, images_url: str, **changes) -> publish.Options:
    return publish.Options(
        study=study, images_url=images_url, **({"num_hits": 2, "reward": 0.5, "yes": True} | changes)
    )


def test_hits_are_published_in_the_sandbox_and_written_down(
    study: Path,
    client: tuple,
    images_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expect_hits(client[1], "H0", "H1")
    assert publish.main(options_of(study, images_url)) == 0
    client[1].assert_no_pending_responses()
    assert json.loads((study / "mturk.json").read_text()) == {
        "format": 1,
        "sandbox": {"0": "H0", "1": "H1"},
        "live": {},
    }
    shown = capsys.readouterr().out
    assert "2 HITs in the sandbox, without money: $0.50 each, with Amazon's fee $1.20 together." in shown


def test_it_goes_on_where_amazon_refused(study: Path, client: tuple, images_url: str) -> None:
    expect_hits(client[1], "H0")
    client[1].add_client_error("create_hit", "RequestError", "insufficient funds")
    assert publish.main(options_of(study, images_url, num_hits=3)) == 1
    assert json.loads((study / "mturk.json").read_text())["sandbox"] == {"0": "H0"}
    expect_hits(client[1], "H1", "H2")
    assert publish.main(options_of(study, images_url, num_hits=3)) == 0
    assert json.loads((study / "mturk.json").read_text())["sandbox"] == {"0": "H0", "1": "H1", "2": "H2"}
    assert publish.main(options_of(study, images_url, num_hits=3)) == 0  # nothing is left to ask of Amazon


def test_without_a_terminal_nobody_is_charged(study: Path, client: tuple, images_url: str) -> None:
    expect_hits(client[1])
    with pytest.raises(ConfigError, match="--yes"):
        publish.main(options_of(study, images_url, yes=False))
    assert not (study / "mturk.json").exists()


@pytest.mark.parametrize("typed", ["no\n", "", "y\n"])
def test_whoever_does_not_say_yes_publishes_nothing(
    study: Path,
    client: tuple,
    images_url: str,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
) -> None:
    expect_hits(client[1])
    monkeypatch.setattr(publish.sys, "stdin", Terminal(typed))
    assert publish.main(options_of(study, images_url, yes=False)) == 1
    assert not (study / "mturk.json").exists()


class Terminal:
    def __init__(self, typed: str) -> None:
        self.readline = lambda: typed

    def isatty(self) -> bool:
        return True


def test_images_that_are_not_there_yet_are_named_before_amazon_is_asked(
    study: Path,
    client: tuple,
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    with served(tmp_path / "empty") as url, pytest.raises(ConfigError, match=r"images_url = .*\.png.*404"):
        publish.main(options_of(study, url))


def test_live_wants_an_address_of_the_web(study: Path) -> None:
    with pytest.raises(ConfigError, match=r"images_url.*https"):
        publish.main(options_of(study, "http://127.0.0.1:1", live=True))


def test_missing_keys_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ConfigError, match=r"AWS_ACCESS_KEY_ID.*AWS_SECRET_ACCESS_KEY"):
        open_requester("sandbox")


@pytest.mark.parametrize(("place", "host"), [("sandbox", "mturk-requester-sandbox"), ("live", "mturk-requester")])
def test_the_two_places_are_amazons(monkeypatch: pytest.MonkeyPatch, place, host: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert open_requester(place).meta.endpoint_url == f"https://{host}.us-east-1.amazonaws.com"


def test_the_fee_is_a_fifth_and_at_least_a_cent() -> None:
    assert cost(50, 1.0) == pytest.approx(60.0)
    assert cost(10, 0.01) == pytest.approx(0.2)


def test_a_page_that_amazon_would_refuse_is_refused_here() -> None:
    with pytest.raises(ConfigError, match="65535"):
        question_of("x" * 65_536)


def test_answers_of_published_hits_are_fetched(study: Path, client: tuple, images_url: str) -> None:
    expect_hits(client[1], "H0", "H1")
    publish.main(options_of(study, images_url))
    said = "".join(
        f"<Answer><QuestionIdentifier>selection{trial}</QuestionIdentifier><FreeText>left</FreeText></Answer>"
        for trial in range(study_with_checks().num_trials)
    )
    schema = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd"
    assignment = {
        "AssignmentId": "a",
        "WorkerId": "w",
        "AssignmentStatus": "Submitted",
        "Answer": f'<?xml version="1.0"?><QuestionFormAnswers xmlns="{schema}">{said}</QuestionFormAnswers>',
    }
    for hit, found in (("H0", []), ("H1", [assignment])):
        sent = {"HITId": hit, "AssignmentStatuses": ["Submitted", "Approved"]}
        client[1].add_response("list_assignments_for_hit", {"Assignments": found}, sent)
    assert import_mturk.main(import_mturk.Options(study=study, published="sandbox")) == 0
    assert {answer.method for answer in read_answers(study) if answer.part == "counted"} == {"theirs"}
    assert len(read_answers(study)) == study_with_checks().num_trials


def test_where_nothing_was_published_nothing_is_fetched(study: Path) -> None:
    with pytest.raises(ConfigError, match="published = 'live'"):
        import_mturk.main(import_mturk.Options(study=study, published="live"))
