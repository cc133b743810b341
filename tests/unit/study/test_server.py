"""A session over HTTP: in order, once, durable; and nothing of what is not the participant's."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.study.conftest import Served
from trainer.study.answers import TRUTH

SIX = {"num_practice": 0, "num_counted": 6, "num_checks": 1, "exposure_ms": None}


def finish(served: Served, client: Any) -> list[dict[str, Any]]:
    """Choose the first, to the end. Gives what was told before each answer."""
    states = []
    while (state := client.get("/api/state").json())["phase"] == "trial":
        states.append(state)
        served.see(client, state["trial"])
        assert served.reply(client, state["trial"]).status_code == 200
    return states


def test_a_whole_session_is_kept_as_it_was_answered(served: Served) -> None:
    client = served.started()
    states = finish(served, client)
    assert [state["trial"] for state in states] == list(range(12))
    assert [state["isPractice"] for state in states] == [True] * 2 + [False] * 10
    answers = served.answers()
    assert len({answer.participant for answer in answers}) == 1
    assert Counter(answer.part for answer in answers) == {"practice": 2, "counted": 8, "attention": 2}
    # the first of two was always called the fake: as often as it was not, it was taken for real
    assert Counter(answer.value for answer in answers if answer.part == "counted") == {0.0: 4, 1.0: 4}
    assert client.get("/api/state").json() == {"phase": "done", "code": None, "url": None}


@pytest.mark.parametrize("protocol", ["realness", "preference"])
def test_the_other_protocols_show_one_image_or_three(serve: Callable[..., Served], protocol: str) -> None:
    served = serve(protocol=protocol, **SIX)
    client = served.started()
    states = finish(served, client)
    assert {state["numImages"] for state in states} == ({1} if protocol == "realness" else {3})
    rivals = {answer.rival for answer in served.answers() if answer.part == "counted"}
    assert rivals == ({None} if protocol == "realness" else {"two"})


def test_grades_are_values(serve: Callable[..., Served]) -> None:
    served = serve(protocol="realness", **(SIX | {"num_checks": 0}))
    client = served.started()
    for number, grade in enumerate([0, 1, 2, 3, 4, 4]):
        served.see(client, number)
        served.reply(client, number, grade, exposures_ms=[1234.5])
    answers = served.answers()
    assert [answer.value for answer in answers] == [0, 1, 2, 3, 4, 4]
    assert {answer.exposures_ms for answer in answers} == {(1234.5,)}
    assert Counter(answer.method for answer in answers) == {"one": 2, "two": 2, TRUTH: 2}


def test_after_practice_one_is_told_which_was_the_fake_and_later_not(served: Served) -> None:
    client, real = served.started(), {files[TRUTH] for files in served.design.images.values()}
    for number in range(3):
        files = [client.get(f"/image/{number}/{slot}").text for slot in range(2)]
        client.post("/api/begin", json={"trial": number, "page": "page-one"})
        served.now += 3
        feedback = served.reply(client, number, 1).json()["feedback"]
        fake = next(place for place, file in enumerate(files) if file not in real)
        assert feedback == ({"isRight": fake == 1, "fake": fake} if number < 2 else None)


def test_methods_get_equally_many_participants(serve: Callable[..., Served]) -> None:
    served = serve(num_practice=0, num_counted=1, num_checks=0)
    for _ in range(6):
        finish(served, served.started())
    assert Counter(answer.method for answer in served.answers()) == {"one": 3, "two": 3}


def test_who_has_gone_does_not_count_as_one_of_a_methods_participants(serve: Callable[..., Served]) -> None:
    served = serve(num_practice=0, num_counted=1, num_checks=0)
    served.started()
    served.now += 7200
    for _ in range(4):
        finish(served, served.started())
    assert Counter(answer.method for answer in served.answers()) == {"one": 2, "two": 2}


def test_a_reload_goes_on_and_shows_no_image_again(served: Served) -> None:
    client = served.started()
    served.see(client, 0)
    state = client.get("/api/state").json()
    assert (state["trial"], state["isShown"]) == (0, True)
    assert client.get("/image/0/0").status_code == 409
    assert client.post("/api/begin", json={"trial": 0, "page": "page-two"}).status_code == 409
    assert served.reply(client, 0).json()["trial"] == 1


def test_a_page_that_has_heard_nothing_may_begin_again(served: Served) -> None:
    client = served.started()
    served.see(client, 0)
    assert client.post("/api/begin", json={"trial": 0, "page": "page-one"}).status_code == 200


def test_images_that_stay_can_be_loaded_again(serve: Callable[..., Served]) -> None:
    served = serve(protocol="realness", **SIX)
    client = served.started()
    served.see(client, 0)
    served.see(client, 0)
    assert client.get("/api/state").json()["isShown"] is False


def test_nothing_is_answered_twice_or_out_of_order(served: Served) -> None:
    client = served.started()
    served.see(client, 0)
    served.reply(client, 0, 0)
    assert served.reply(client, 0, 1).status_code == 409
    assert served.reply(client, 2).status_code == 409
    assert served.reply(client, 1).status_code == 409  # not seen yet
    assert served.reply(client, 1).json()["trial"] == 1
    assert len(served.answers()) == 1


def test_an_answer_before_the_images_could_be_seen_is_refused(served: Served) -> None:
    client = served.started()
    client.post("/api/begin", json={"trial": 0, "page": "page-one"})
    served.now += 1.5
    assert served.reply(client, 0).status_code == 409
    served.now += client.get("/api/state").json()["waitMs"] / 1000 + 0.001
    assert served.reply(client, 0).status_code == 200


def test_a_clock_that_is_put_back_stops_nobody(served: Served) -> None:
    client = served.started()
    served.see(client, 0)
    served.now -= 3600
    assert served.reply(client, 0).status_code == 200


def test_images_of_other_trials_are_not_given_out(served: Served) -> None:
    client = served.started()
    assert client.get("/image/0/1").status_code == 200
    for path in ("/image/1/0", "/image/11/0", "/image/0/2", "/image/99/0"):
        assert client.get(path).status_code == 409
    for path in ("/image/-1/0", "/image/0/-1", "/image/0/x"):
        assert client.get(path).status_code == 404
    assert served.client().get("/image/0/0").status_code == 409


@pytest.mark.parametrize(
    "path",
    [
        "/study.json",
        "/answers.sqlite",
        "/images/",
        "/images/%2e%2e/study.json",
        "/..%2f..%2fstudy.json",
        "/image/0/..%2f..%2fstudy.json",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/study.html",
        "/page/study.html",
        "/server.py",
    ],
)
def test_nothing_else_is_served(served: Served, path: str) -> None:
    client = served.started()
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"error": "There is nothing here."} or answer.json() == {"error": "Not Found"}


def test_neither_the_page_nor_what_is_told_gives_away_what_an_image_is(served: Served) -> None:
    client = served.started()
    told = [client.get(path).text for path in ("/", "/study.js", "/exposure.js", "/study.css", "/api/state")]
    secrets = [TRUTH, "one.png", "photo-", served.design.salt, '"two"', ".png"]
    assert [secret for secret in secrets for text in told if secret in text] == []
    image = client.get("/image/0/0")
    assert not {"last-modified", "etag", "content-disposition"} & set(image.headers)


def test_all_answers_forbid_to_be_kept_and_other_sources(served: Served) -> None:
    client = served.started()
    for path in ("/", "/study.js", "/image/0/0", "/nothing", "/api/state"):
        headers = client.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"trial": -1}, 422),
        ({"trial": "0"}, 422),
        ({"trial": 0.0}, 422),
        ({"trial": True}, 422),
        ({"choice": None}, 422),
        ({"choice": 2}, 409),
        ({"exposures_ms": [1.0]}, 409),
        ({"exposures_ms": [1.0] * 4}, 422),
        ({"exposures_ms": ["1"]}, 422),
        ({"exposures_ms": [-1.0, 1.0]}, 422),
        ({"seconds": -1}, 422),
        ({"seconds": 1e300}, 422),
    ],
)
def test_an_answer_of_the_wrong_kind_is_refused_and_changes_nothing(
    served: Served, fields: dict[str, Any], status: int
) -> None:
    client = served.started()
    served.see(client, 0)
    assert served.reply(client, 0, **fields).status_code == status
    assert served.answers() == []
    assert served.reply(client, 0, exposures_ms=[1000.0, 1016.6]).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"x" * 5000, "application/json", 413),
        (b'{"trial": 0, "choice": 0, "exposures_ms": [], "seconds": NaN}', "application/json", 422),
        (b"[]", "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"", "application/json", 422),
        (b'{"trial": 0, "choice": 0, "exposures_ms": [], "seconds": 1}', "text/plain", 415),
    ],
)
def test_what_is_no_small_json_is_refused(served: Served, content: bytes, kind: str, status: int) -> None:
    client = served.started()
    served.see(client, 0)
    assert client.post("/api/answer", content=content, headers={"content-type": kind}).status_code == status
    assert served.answers() == []


def test_a_body_without_end_is_cut_off(served: Served) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 1000

    answer = served.started().post("/api/answer", content=chunks(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_nobody_goes_on_with_a_session_of_others(served: Served) -> None:
    known, stranger = served.started(), served.client()
    assert stranger.get("/api/state").json() == {"phase": "welcome"}
    assert served.reply(stranger, 0).status_code == 409
    (name,) = known.cookies
    stranger.cookies.set(name, "guess")
    assert stranger.get("/api/state").json() == {"phase": "welcome"}


def test_who_comes_twice_from_a_crowd_platform_is_the_same(served: Served) -> None:
    first = served.started(PROLIFIC_PID="5f2a", STUDY_ID="s", SESSION_ID="one")
    served.see(first, 0)
    served.reply(first, 0)
    second = served.started(PROLIFIC_PID="5f2a", STUDY_ID="s", SESSION_ID="two")
    assert second.get("/api/state").json()["trial"] == 1
    assert first.get("/api/state").json() == {"phase": "welcome"}
    other = served.started(PROLIFIC_PID="5f2b")
    assert other.get("/api/state").json()["trial"] == 0


def test_who_has_a_session_cannot_begin_another(served: Served) -> None:
    client = served.started()
    served.see(client, 0)
    served.reply(client, 0)
    assert client.post("/api/start", json={"ids": {"PROLIFIC_PID": "another"}}).json()["trial"] == 1


def test_identifiers_are_kept_as_hashes_unless_asked_for(serve: Callable[..., Served]) -> None:
    pid = "5f2a9c0e7d"
    hashed, kept = serve(), serve(keeps_ids=True)
    for served in (hashed, kept):
        served.started(PROLIFIC_PID=pid)
        served.sessions.close()
    assert pid.encode() not in (hashed.folder / "answers.sqlite").read_bytes()
    assert pid.encode() in (kept.folder / "answers.sqlite").read_bytes()


@pytest.mark.parametrize("ids", [{"PROLIFIC_PID": "x" * 201}, {"NAME": "Ada"}, {"PROLIFIC_PID": 5}])
def test_other_identifiers_are_not_taken(served: Served, ids: dict[str, Any]) -> None:
    assert served.client().post("/api/start", json={"ids": ids}).status_code == 422


def test_another_process_goes_on_where_the_first_was_killed(served: Served) -> None:
    client = served.started()
    served.see(client, 0)
    served.reply(client, 0)
    served.see(client, 1)
    served.restart()  # the first has closed nothing
    again = served.client()
    again.cookies.update(client.cookies)
    state = again.get("/api/state").json()
    assert (state["trial"], state["isShown"]) == (1, True)
    assert served.reply(again, 1).json()["trial"] == 2
    assert len(served.answers()) == 2


def test_a_study_closes_when_enough_have_finished(serve: Callable[..., Served]) -> None:
    served = serve(num_practice=0, num_counted=1, num_checks=0, most_participants=1, completion_code="C0DE")
    late, client = served.started(), served.started()
    finish(served, client)
    assert served.client().post("/api/start", json={"ids": {}}).json() == {"phase": "closed"}
    assert client.get("/api/state").json()["code"] == "C0DE"
    finish(served, late)  # who had begun may finish
    assert served.sessions.num_finished() == 2


def test_the_cookie_is_of_this_study_and_out_of_the_reach_of_scripts(served: Served) -> None:
    told = served.client().post("/api/start", json={"ids": {}}).headers["set-cookie"]
    assert told.startswith("study-")
    assert "HttpOnly" in told
    assert "SameSite=lax" in told
