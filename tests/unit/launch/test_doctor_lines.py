"""What the doctor says of this machine, line by line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from launch.doctor.clock import file_system, skew_of
from launch.doctor.lines import Line, Look, lines_of
from launch.doctor.machine import port_problem
from launch.doctor.stack import TRIED, look_at_stack
from sharding.storage.place import Url
from tests.unit.launch.test_doctor import FIT

STACK = {
    "torch": {"device": "cpu", "gpus": 0, "cuda": None, "precision": "bfloat16", "nccl": None},
    "DALI": {"version": "2.4.0", "shape": [16, 16, 3]},
    "W&B": {"mode": "offline", "notice": None},
}
REPORT = replace(FIT, versions={**FIT.versions, "deepspeed": "0.19.8", "nvidia-dali-cuda130": "2.4.0"})
SOUND = Look(report=REPORT, stack=STACK, skew=(0.4, "a server"), op="/cache/op.so", op_folder="/cache")
WITH_GPUS = replace(REPORT, gpus=["H200 141 GiB"] * 2)


def by_name(look: Look) -> dict[str, Line]:
    return {line.name: line for line in lines_of(look)}


def test_a_sound_machine_has_nothing_to_mend() -> None:
    lines = by_name(SOUND)
    assert {line.state for line in lines.values()} == {"fine", "skipped"}
    assert [name for name, line in lines.items() if line.state == "skipped"] == ["NCCL"]
    assert set(STACK) - {"torch"} <= set(lines)


@pytest.mark.parametrize(
    ("change", "name", "state", "said"),
    [
        ({"report": FIT}, "versions", "wrong", "deepspeed and nvidia-dali missing"),
        ({"stack": {}, "stack_problem": "it ended with status -11"}, "torch", "wrong", "status -11"),
        ({"stack": STACK | {"DALI": {"error": "ImportError: libcuda"}}}, "DALI", "wrong", "libcuda"),
        ({"stack": STACK | {"W&B": {"error": "ConfigError: x"}}}, "W&B", "note", "ConfigError"),
        ({"stack": STACK | {"W&B": {"mode": "offline", "notice": "does not answer"}}}, "W&B", "note", "wandb login"),
        ({"stack": STACK | {"torch": STACK["torch"] | {"precision": "float32"}}}, "bf16", "note", "float32"),
        ({"report": WITH_GPUS}, "GPUs", "wrong", "can use 0"),
        ({"report": WITH_GPUS, "stack": STACK | {"torch": STACK["torch"] | {"gpus": 2}}}, "NCCL", "wrong", "none"),
        ({"report": replace(REPORT, shared_memory_gb=0.064)}, "shared memory", "note", "--shm-size"),
        ({"report": replace(REPORT, run_free_gb=0.3)}, "disk", "note", "Make room"),
        ({"report": replace(REPORT, open_files=256)}, "open files", "note", "ulimit"),
        ({"op": ""}, "compiled op", "note", "make setup"),
        ({"op": "", "has_compiler": False}, "compiled op", "wrong", "g++"),
        ({"ports": "none can be had"}, "ports", "wrong", "firewall"),
        ({"skew": (-61.0, "a server")}, "clock", "note", "chrony"),
        ({"skew": (None, "no remote data set")}, "clock", "skipped", "no remote data set"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(change: dict, name: str, state: str, said: str) -> None:
    line = by_name(replace(SOUND, **change))[name]
    assert line.state == state
    assert said in f"{line.what}. {line.remedy}"


@contextmanager
def dated(seconds: float | None) -> Iterator[str]:
    """A server whose clock is so many seconds ahead of 1 January 2000, or does not say; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            if seconds is not None:
                self.send_header("Date", formatdate(seconds, usegmt=True))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_clock_is_compared_with_that_of_the_datas_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launch.doctor.clock.time.time", lambda: 946_684_800.5)
    with dated(946_684_800 + 90) as address:
        skew, what = skew_of(Url(f"{address}/set"), folder=tmp_path)
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        through_s3, _ = skew_of(Url("s3://bucket/set"), folder=tmp_path)
    assert skew == through_s3 == -90
    assert what == f"{address}/set"
    with dated(None) as address:
        assert skew_of(Url(address), folder=tmp_path) == (None, f"{address} does not say what time it has")
    skew, why = skew_of(Url(address), folder=tmp_path)
    assert skew is None
    assert "does not answer" in why


def test_a_disk_of_this_machine_has_no_clock_of_its_own(tmp_path: Path) -> None:
    skew, why = skew_of(None, folder=tmp_path)
    assert skew is None
    assert file_system(tmp_path) in why
    assert file_system(Path("/proc")) == "proc"
    assert list(tmp_path.iterdir()) == []


def test_a_port_can_be_had_here_and_not_elsewhere() -> None:
    assert port_problem() == ""
    assert "192.0.2.1" in port_problem("192.0.2.1")


def test_what_takes_too_long_is_told() -> None:
    found, problem = look_at_stack(patience_s=0.01)
    assert found == {}
    assert "timed out" in problem
    assert list(TRIED) == list(STACK)
