"""A translation that was stopped goes on, and patterns name inputs."""

import json

import numpy as np
import pytest
from PIL import Image

from launch.commands.translate import main
from trainer.config.errors import ConfigError
from trainer.inference.journal import FILE_NAME


@pytest.fixture
def inputs(tmp_path):
    for name in ("a", "sub/b", "sub/c"):
        path = tmp_path / "in" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return tmp_path / "in"


@pytest.fixture
def call(tiny_run, inputs, tmp_path, capsys):
    def run(*flags, source=inputs, expected=0):
        command = [str(tiny_run.path), "--in", str(source), "--out", str(tmp_path / "out"), *flags]
        assert main(command) == expected
        return capsys.readouterr().out

    return run


def made(tmp_path):
    return {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")}


def test_what_is_done_is_not_done_again(call, inputs, tmp_path):
    (inputs / "sub" / "c.png").write_bytes(b"not yet whole")
    call(expected=1)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    assert len(times) == 2
    Image.new("RGB", (16, 16), "red").save(inputs / "sub" / "c.png")
    said = call()
    assert "1 picture translated" in said and "2 pictures were translated before, and not again" in said
    assert {path: path.stat().st_mtime_ns for path in times} == times
    before = (tmp_path / "out" / "a.png").read_bytes()
    Image.new("RGB", (48, 16), "blue").save(inputs / "a.png")  # an input that changed since
    assert "1 picture translated" in call()
    assert (tmp_path / "out" / "a.png").read_bytes() != before
    assert "0 pictures translated" in call()


def test_one_that_was_cut_off_between_writing_and_noting_is_made_again(call, tmp_path):
    call()
    journal = tmp_path / "out" / FILE_NAME
    lines = journal.read_text().splitlines()
    assert json.loads(lines[-1])["made"] == "sub/c.png"
    journal.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])
    (tmp_path / "out" / "sub" / "b.png").unlink()
    assert "2 pictures translated" in call()
    assert made(tmp_path) == {"a.png", "sub/b.png", "sub/c.png"}


def test_other_settings_and_files_of_others_stop_it(call, tmp_path):
    call()
    with pytest.raises(ConfigError, match="exists, and in all 3 of 3 results"):
        call("--seed", "1")
    assert "3 pictures translated" in call("--seed", "1", "--overwrite")
    assert "0 pictures translated" in call("--seed", "1")
    (tmp_path / "out" / FILE_NAME).unlink()
    with pytest.raises(ConfigError, match="exists, and in all 3 of 3 results"):
        call("--seed", "1")


def test_a_journal_that_leads_elsewhere_is_refused(call, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "out" / FILE_NAME).symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match="is a link"):
        call()
    assert (tmp_path / "victim").read_text() == "mine"


def test_patterns_name_pictures(call, inputs, tmp_path):
    call(source=inputs / "**" / "[bc].png")
    assert made(tmp_path) == {"sub/b.png", "sub/c.png"}
    with pytest.raises(ConfigError, match="matches no file"):
        call(source=inputs / "*.gif")
