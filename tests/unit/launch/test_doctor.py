"""Which machine is at fault, and what each says of itself."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from launch.doctor.compare import Heard, compare, hosts_table
from launch.doctor.host import HostReport, look_at_host, parse_report
from sharding.console import make_console
from sharding.storage.records import RecordError

FIT = HostReport(
    host="n1",
    versions={"Python": "3.11.7", "commit": "abc", "torch": "2.14.1"},
    gpus=[],
    num_cores=8,
    memory_gb=16.0,
    shared_memory_gb=8.0,
    open_files=65536,
    run_free_gb=100.0,
    clock=1e9,
    data="d" * 64,
)


def heard(*reports: HostReport, skew_s: float = 0.0, num_ranks: int = 2) -> list[Heard]:
    return [Heard(report=report, num_ranks=num_ranks, skew_s=skew_s) for report in reports]


def of(name: str) -> HostReport:
    return replace(FIT, host=name)


def test_equal_machines_are_fit() -> None:
    assert compare(heard(of("n1"), of("n2"), of("n3"))) == []


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"versions": {**FIT.versions, "torch": "2.13.0"}}, "torch: 2.13.0, and 2.14.1 elsewhere"),
        ({"versions": {**FIT.versions, "commit": "abd+"}}, "commit: abd+, and abc elsewhere"),
        ({"versions": {**FIT.versions, "nvidia-dali-cuda120": "2"}}, "nvidia-dali-cuda120: 2, and none elsewhere"),
        ({"data": "e" * 64}, "data set: eee"),
        ({"gpus": ["H200 141 GiB"] * 2}, "devices: GPUs, and no GPU elsewhere"),
        ({"run_free_gb": 0.5}, "0.5 GB are free"),
        ({"shared_memory_gb": 0.01}, "--shm-size"),
        ({"open_files": 256}, "ulimit -n"),
        ({"memory_gb": 0.7}, "0.7 GB of memory are free for 2 rank(s)"),
        ({"problems": ["/runs cannot be written"]}, "/runs cannot be written"),
    ],
)
def test_the_one_that_differs_from_most_is_named(odd: dict, said: str) -> None:
    (finding,) = compare(heard(of("n1"), replace(of("n2"), **odd), of("n3")))
    assert finding.host == "n2"
    assert said in finding.text


def test_a_data_set_that_is_still_to_be_made_on_one_machine_is_no_fault() -> None:
    assert compare(heard(of("n1"), replace(of("n2"), data=""))) == []


def test_more_ranks_than_gpus_are_refused() -> None:
    (finding,) = compare(heard(replace(of("n1"), gpus=["H200 141 GiB"]), num_ranks=2))
    assert "1 GPU(s) for 2 ranks" in finding.text


def test_more_ranks_than_cores_are_refused_where_there_is_no_gpu_for_them() -> None:
    (finding,) = compare(heard(replace(of("n1"), memory_gb=999.0), num_ranks=9))
    assert "8 CPU cores for 9 ranks" in finding.text
    with_gpu = replace(of("n1"), gpus=["H200 141 GiB"], num_cores=2)
    assert compare(heard(with_gpu, num_ranks=2), device="cpu") == []


def test_a_gpu_that_is_asked_for_must_be_there() -> None:
    (finding,) = compare(heard(of("n1")), device="cuda")
    assert "shows no GPU" in finding.text


def test_the_launchers_commit_is_what_all_need() -> None:
    assert compare(heard(of("n1"), of("n2")), commit="abc") == []
    findings = compare(heard(of("n1"), of("n2")), commit="abd")
    assert [finding.host for finding in findings] == ["n1", "n2"]
    assert "commit: abc, and abd here" in findings[0].text


def test_a_wrong_clock_is_told_and_does_not_prevent_training() -> None:
    (finding,) = compare(heard(of("n1"), skew_s=-61.0))
    assert "-61 s" in finding.text
    assert not finding.is_fatal


def test_this_machine_says_what_it_is(tmp_path: Path) -> None:
    report = look_at_host("here", run=tmp_path / "runs" / "new", data=tmp_path / "earth-128", address="127.0.0.1")
    assert parse_report(json.loads(json.dumps(report.to_record()))) == report
    assert report.problems == []
    assert report.data == ""
    assert report.versions["torch"].startswith("2.")
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_here_is_noted_with_its_remedy(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    problems = look_at_host("here", run=tmp_path, data=tmp_path / "photos", address="192.0.2.1").problems
    assert "photos" in problems[0]
    assert "no port can be had at 192.0.2.1" in problems[1]


@pytest.mark.parametrize("record", [None, [], {}, {**FIT.to_record(), "more": 1}, {**FIT.to_record(), "gpus": "x"}])
def test_what_is_no_report_is_refused(record: object) -> None:
    with pytest.raises(RecordError):
        parse_report(record)


def test_the_table_has_a_verdict_for_each_machine(capsys: pytest.CaptureFixture[str]) -> None:
    reports = heard(of("n1"), replace(of("n2"), run_free_gb=0.001))
    make_console(width=150).print(hosts_table(reports, compare(reports)))
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("n")}
    assert "not fit" in lines["n2"]
    assert "not fit" not in lines["n1"]
