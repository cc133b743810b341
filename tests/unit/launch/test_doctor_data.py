"""`diptych doctor DATA`, as a user calls it."""

import json
from pathlib import Path

import pytest

from launch.cli import main
from sharding.cli import main as shard
from tests.pairs import write_pairs
from tests.remote import serve

Said = pytest.CaptureFixture[str]


@pytest.fixture
def twins(tmp_path: Path, capsys: Said) -> Path:
    """Eight pairs, one of which is in two splits."""
    write_pairs(tmp_path / "pairs" / "train", num_pairs=7, size=32)
    (tmp_path / "pairs" / "test").mkdir()
    (tmp_path / "pairs" / "test" / "copy.png").write_bytes((tmp_path / "pairs" / "train" / "003.png").read_bytes())
    assert shard(["pairs", "--folder", str(tmp_path / "pairs"), "--out", str(tmp_path / "set"), "--workers", "1"]) == 0
    capsys.readouterr()
    return tmp_path / "set"


def test_what_is_wrong_is_printed_and_written(twins: Path, tmp_path: Path, capsys: Said) -> None:
    record, page = tmp_path / "out" / "found.json", tmp_path / "out" / "found.html"
    assert main(["doctor", str(twins), "--json", str(record), "--html", str(page)]) == 1
    said = capsys.readouterr().out
    assert "wrong: 1 of 1 pictures of view 'a' in test are in train" in said
    assert "test/copy ~ train/003" in said
    assert said.splitlines()[-1].startswith(f"{twins}: 8 of 8 samples looked at: 2 wrong")
    found = json.loads(record.read_text())
    assert found["twins"]["b"]["examples"][0]["is_same"]
    assert found["findings"][0]["samples"] == ["test/copy ~ train/003"]
    assert page.read_text().count('<img src="data:image/webp;base64,') >= 4
    assert "twins across splits" in page.read_text()


def test_a_remote_set_is_looked_at_through_the_cache(
    twins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    with serve(twins) as site:
        assert main(["doctor", str(site.url)]) == 1
    assert "test/copy ~ train/003" in capsys.readouterr().out
    assert any((tmp_path / "cache").iterdir())


def test_wrong_usage_is_told_before_anything_is_read(twins: Path, tmp_path: Path, capsys: Said) -> None:
    for words in (["--limit", "0"], ["--most-shift", "-1"], ["--html", str(tmp_path)]):
        assert main(["doctor", str(twins), *words]) != 0
        assert words[-1] in capsys.readouterr().err
    assert main(["doctor", str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err
