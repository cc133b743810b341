"""Writing files: whole or not at all, and never through a link that somebody laid under a name of ours."""

from pathlib import Path

import pytest

from sharding.storage import files
from sharding.storage.files import create, open_to_append, refuse_link, write_atomically


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of the user's."""
    path = tmp_path / "authorized_keys"
    path.write_text("the user's")
    return path


@pytest.mark.parametrize("name", [".report.html.tmp", "report.html"])
def test_a_link_under_a_name_of_ours_leads_nowhere(tmp_path: Path, victim: Path, name: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(victim)
    write_atomically(run / "report.html", b"a stranger's")
    assert victim.read_text() == "the user's"
    assert (run / "report.html").read_bytes() == b"a stranger's"
    assert not (run / "report.html").is_symlink()


def test_a_temporary_name_that_is_taken_is_not_written_through(tmp_path: Path, victim: Path, monkeypatch) -> None:
    monkeypatch.setattr(files.os, "urandom", lambda num: b"guessed")
    (tmp_path / files.TEMPORARY.format(b"guessed".hex())).symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "report.html", b"a stranger's")
    assert victim.read_text() == "the user's"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    target = tmp_path / "metrics.jsonl"
    target.write_text("old")
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]
    assert target.read_text() == "old"


def test_the_longest_name_that_a_file_may_have_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".png")
    write_atomically(target, b"picture")
    assert target.read_bytes() == b"picture"


def test_files_have_the_permissions_that_the_user_gives_new_ones(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_appending_does_not_follow_links(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "ray.log").symlink_to(victim)
    with pytest.raises(OSError, match="is a link, which is not followed: remove it") as caught:
        open_to_append(tmp_path / "ray.log")
    assert caught.value.filename == str(tmp_path / "ray.log")
    assert victim.read_text() == "the user's"


def test_appending_writes_each_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with open_to_append(path) as first:
        first.write("one\n")
        assert path.read_text() == "one\n"
    with open_to_append(path) as second:
        second.write("two\n")
    assert path.read_text() == "one\ntwo\n"


def test_create_refuses_what_is_there_a_link_to_nowhere_too(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        create(tmp_path / "link")
    assert not (tmp_path / "nowhere").exists()


def test_a_linked_folder_is_refused_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").symlink_to("/elsewhere")
    with pytest.raises(ValueError, match="checkpoints is a link to /elsewhere"):
        refuse_link(tmp_path / "checkpoints", error=ValueError)
    refuse_link(tmp_path, error=ValueError)
