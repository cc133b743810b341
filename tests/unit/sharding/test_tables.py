"""Spreadsheets as people save them."""

import subprocess
import sys
from pathlib import Path

import pytest

from sharding.errors import DatasetError
from sharding.inputs.labels import order_names
from sharding.inputs.splits import SplitOptions, read_splits
from sharding.inputs.tables import read_table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("mark", [",", ";", "\t", " , "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_spelling_of_a_table(tmp_path: Path, encoding: str, mark: str, end: str) -> None:
    rows = [("file", "kind", ""), ("b/x.JPG", "größe", ""), ("", "", ""), ("./y", "two words", "")]
    text = end.join(mark.join(row) for row in rows) + end
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert table.columns == ("kind",)
    assert table.find(Path("/in/b/x.png"), "x") == ("größe",)
    assert table.find(Path("/in/c/x.png"), "x") is None
    assert table.find(Path("/in/c/y.png"), "y") == ("two words",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,kind\nx,größe\n".encode("latin-1"), "byte 14 is no UTF-8; save it as CSV in UTF-8"),
        (b"x.jpg,cat\ny.jpg,dog\n", "put one before it that names the columns"),
        (b"file,kind\nx.jpg,1\nx.png,2\n", "1 name has two rows"),
        (b"file,kind\nx.jpg,1,2\n", "line 2: x.jpg,1,2"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_table(tmp_path / "t.csv")


def test_names_keep_their_dots(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("file,split\nframe_0.5,val\nframe_0.6.png,test\n")
    options = SplitOptions(split_list=tmp_path / "s.csv")
    assert options.of(Path("in/frame_0.5.png"), "frame_0.5") == "val"
    assert options.of(Path("in/frame_0.6.png"), "frame_0.6") == "test"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,train\ny,val\n", "put `file,split` before it"),
        ("file,split\nx,train\nx.png,val\n", "two rows"),
        ("file,split\n\nx,later\n", "line 3: 'later' is none of train, val, test"),
        ("file,split,more\nx,val,1\n", "must have two"),
    ],
)
def test_what_is_no_list_of_splits(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_splits(tmp_path / "s.csv")


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("file,kind\nx,1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_table(Path("~/t.csv")).columns == ("kind",)


def test_what_is_no_number_is_sorted_alike_in_each_process() -> None:
    call = "from sharding.inputs.labels import order_names; print(order_names('x', {'nan', '10', '9', 'a1'}, None))"
    said = {
        subprocess.run(
            [sys.executable, "-c", call.replace(", 'a1'", "")],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert said == {"['10', '9', 'nan']\n"}
    assert order_names("x", {"10", "9", "-1"}, None) == ["-1", "9", "10"]
