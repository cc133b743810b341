"""200 participants at once over loopback: every answer arrives, once, whoever else answers.

`pytest tests/integration/test_many_participants.py -s` shows how fast that is; it decides nothing.
"""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from launch.commands.study import main as study
from sharding.console import make_console
from tests.served import start_server
from trainer.study.store import read_answers

NUM_PARTICIPANTS, NUM_TRIALS = 200, 3


class Participant:
    """A browser with one connection, which is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._cookie = ""

    async def ask(self, path: str, **content: object) -> bytes:
        """What the server says, which must be a success."""
        body = json.dumps(content).encode()
        head = f"{'POST' if content else 'GET'} {path} HTTP/1.1\r\nhost: study\r\ncookie: {self._cookie}\r\n"
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if content else ""
        self._writer.write((head + kind + "\r\n").encode() + (body if content else b""))
        told = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        assert " 200 " in told[0], told
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in told[1:-2])}
        if "set-cookie" in headers:
            self._cookie = headers["set-cookie"].partition(";")[0]
        return await self._reader.readexactly(int(headers["content-length"]))


async def take_part(url: str, seconds: list[float]) -> None:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        one = Participant(reader, writer)
        told = await one.ask("/api/start", ids={})
        for trial in range(NUM_TRIALS):
            assert (await one.ask(f"/image/{trial}/0")).startswith(b"\x89PNG")
            await one.ask("/api/begin", trial=trial, page="page-one")
            start = time.perf_counter()
            told = await one.ask("/api/answer", trial=trial, choice=3, exposures_ms=[900.0], seconds=0.9)
            seconds.append(time.perf_counter() - start)
        assert json.loads(told)["phase"] == "done"
    finally:
        writer.close()


@pytest.mark.slow
def test_200_participants_at_once_lose_no_answer(tmp_path: Path) -> None:
    for name in ("real", "ours"):
        (tmp_path / name).mkdir()
        for number in range(NUM_TRIALS):
            pixels = np.random.default_rng((len(name), number)).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    folder, seconds = tmp_path / "study", list[float]()
    given = [f"--method=ours={tmp_path / 'ours'}", f"--real={tmp_path / 'real'}", "--protocol=realness"]
    study(["create", str(folder), *given, f"--num-counted={NUM_TRIALS}", "--num-checks=0"])
    server = start_server(folder)
    try:
        start = time.perf_counter()

        async def everybody() -> None:
            await asyncio.gather(*(take_part(server.url, seconds) for _ in range(NUM_PARTICIPANTS)))

        asyncio.run(everybody())
        wall = time.perf_counter() - start
        assert f"{NUM_PARTICIPANTS} participants finished" in server.interrupt()
    finally:
        server.kill()
    answers = read_answers(folder)
    assert len(answers) == NUM_PARTICIPANTS * NUM_TRIALS
    assert set(Counter(answer.participant for answer in answers).values()) == {NUM_TRIALS}
    p50, p95 = np.quantile(seconds, (0.5, 0.95))
    make_console().print(
        f"{len(answers) / wall:.0f} answers/s, one is stored within {p50:.2f} s (median), {p95:.2f} s (95 of 100)"
    )
