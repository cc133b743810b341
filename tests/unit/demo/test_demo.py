"""The demo's requests: what they give, and what they refuse."""

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from tests.shrink import shrink_section
from tests.tiny_run import CLASSES, POSITION, png_bytes, sample_views, tiny_config, write_tiny_run
from tests.unit.labelled import config_of, write_run
from trainer.config.errors import ConfigError
from trainer.demo import server
from trainer.demo.server import demo_app
from trainer.demo.service import DemoService
from trainer.inference.translator import load_translator
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.gan.config import GANConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")


def announcing(side: int) -> bytes:
    """A PNG of a few bytes whose header announces a picture of side x side pixels."""
    content = bytearray(png_bytes(np.zeros((2, 2), np.uint8)))
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


PNG = {"content-type": "image/png"}


def client_of(run: RunDir) -> TestClient:
    opened = open_run(run)
    translator, position = load_translator(opened, device=CPU)
    service = DemoService(opened, translator, position=position, device=CPU)
    return TestClient(demo_app(service, hosts=("127.0.0.1",)), base_url="http://127.0.0.1")


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, map_dataset: Path) -> TestClient:
    """Of a run map -> photo."""
    config = tiny_config(map_dataset)
    run = RunDir(tmp_path_factory.mktemp("runs") / "back")
    write_tiny_run(run, replace(config, data=replace(config.data, view_a="map", view_b="photo")))
    return client_of(run)


def test_the_page_is_told_what_can_be_set(client: TestClient):
    facts = client.get("/api/facts").json()
    assert [(brush["name"], tuple(brush["color"])) for brush in facts["palette"]] == [
        (info.name, tuple(info.color)) for info in CLASSES
    ]
    assert (facts["width"], facts["height"], facts["directions"], facts["labels"]) == (32, 32, ["a2b"], [])
    assert (facts["varies"], facts["isClasses"], facts["numExamples"]) == (True, True, 3)
    assert f"trained on {POSITION} images" in facts["about"]
    assert np.array_equal(pixels(client.get("/api/example/0").content), sample_views("test", 0)["map"])
    assert client.get("/api/example/3").status_code == 422


def test_a_picture_is_translated_and_another_seed_is_another_variation(client: TestClient):
    content = png_bytes(np.full((20, 50, 3), 200, np.uint8))
    first, again, other = (
        client.post(f"/api/translate?seed={seed}", content=content, headers=PNG) for seed in (1, 1, 2)
    )
    assert pixels(first.content).shape == (20, 50, 3)
    assert first.content == again.content != other.content


@pytest.mark.parametrize(
    ("address", "content", "headers", "status"),
    [
        ("/api/translate", b"no picture", PNG, 422),
        ("/api/translate", png_bytes(np.zeros((2, 2, 3), np.uint8)), {"content-type": "text/plain"}, 415),
        ("/api/translate?direction=b2a", png_bytes(np.zeros((2, 2, 3), np.uint8)), PNG, 422),
        ("/api/translate?seed=-1", png_bytes(np.zeros((2, 2, 3), np.uint8)), PNG, 422),
        ("/api/translate", png_bytes(np.zeros((2049, 2049), np.uint8)), PNG, 422),
        ("/api/translate", b"0" * (2**25 + 1), PNG, 413),
    ],
)
def test_what_cannot_be_translated_is_told(
    client: TestClient, address: str, content: bytes, headers: dict, status: int
):
    answer = client.post(address, content=content, headers=headers)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_a_picture_is_measured_before_it_is_decoded(client: TestClient):
    answer = client.post("/api/translate", content=announcing(5000), headers=PNG)
    assert answer.json()["error"] == "the picture: announces 5000x5000 pixels, where 4194304 are the most"


def test_a_page_for_this_machine_answers_to_no_other_name(client: TestClient):
    assert client.get("/").status_code == 200
    assert client.get("/demo.js").headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/server.py").status_code == 404


def test_a_label_is_chosen_by_its_number(labelled_dataset: Path, tmp_path: Path):
    run = write_run(RunDir(tmp_path / "run"), config_of(labelled_dataset, CAAEConfig(num_filters=4)))
    client = client_of(run)
    assert client.get("/api/facts").json()["labels"] == ["red", "green", "blue"]
    content = png_bytes(np.full((16, 16, 3), 90, np.uint8))
    made = [client.post(f"/api/translate?label={n}", content=content, headers=PNG) for n in range(4)]
    assert [answer.status_code for answer in made] == [200, 200, 200, 422]
    assert made[0].content != made[1].content


def test_a_label_that_is_kept_is_told_with_the_picture(labelled_dataset: Path, tmp_path: Path):
    method = CAAEConfig(num_filters=4, second_label="stripe")
    client = client_of(write_run(RunDir(tmp_path / "run"), config_of(labelled_dataset, method)))
    assert client.get("/api/facts").json()["further"] == [{"name": "stripe", "values": ["lying", "standing"]}]
    content = png_bytes(np.full((16, 16, 3), 90, np.uint8))
    made = {
        kept: client.post(f"/api/translate?kept={kept}", content=content, headers=PNG)
        for kept in ("", "0", "1", "2", "0,0", "x")
    }
    assert [answer.status_code for answer in made.values()] == [200, 200, 200, 422, 422, 422]
    assert made[""].content == made["0"].content != made["1"].content


def test_codes_have_pictures_between_them(labelled_dataset: Path, tmp_path: Path):
    config = config_of(labelled_dataset, shrink_section(BiGANConfig()), label=None)
    client = client_of(write_run(RunDir(tmp_path / "run"), config))
    facts = client.get("/api/facts").json()
    assert (facts["goesBetween"], facts["labels"], facts["directions"]) == (True, [], ["a2b"])
    one, two = (client.get(f"/api/example/{number}").content for number in (0, 1))

    def between(first: bytes, second: bytes, weight: int) -> bytes:
        address = f"/api/translate?first={len(first)}&weight={weight}"
        answer = client.post(address, content=first + second, headers=PNG)
        assert answer.status_code == 200
        return answer.content

    assert between(one, two, 0) == between(one, one, 30) == between(two, one, 100)
    assert between(one, two, 100) == between(two, two, 0)
    assert between(one, two, 50) not in (between(one, two, 0), between(one, two, 100))
    refused = [
        client.post(f"/api/translate?first={len(one)}", content=one, headers=PNG),
        client.post("/api/translate?first=-1", content=one + two, headers=PNG),
    ]
    assert [answer.status_code for answer in refused] == [422, 422]


def test_more_pictures_than_it_can_hold_are_turned_away(tiny_run: RunDir, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "_MOST_WAITING", 0)
    full = client_of(tiny_run)
    answer = full.post("/api/translate", content=png_bytes(np.zeros((2, 2, 3), np.uint8)), headers=PNG)
    assert (answer.status_code, answer.json()["error"]) == (503, "Others are being served; try again.")


def test_what_translates_nothing_has_no_page(labelled_dataset: Path, tmp_path: Path):
    config = config_of(labelled_dataset, shrink_section(GANConfig()), label=None)
    with pytest.raises(ConfigError, match="translates no pictures"):
        client_of(write_run(RunDir(tmp_path / "run"), config))
