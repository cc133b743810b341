"""Places: how they are written, joined and stored, and what is said of wrong ones."""

import re
from pathlib import Path

import pytest
import tyro

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.storage.place import Url, parse_place, place_problem
from tests.unprivileged import run_unprivileged, shared_folder
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.section import check_section
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import config_from_dict, config_to_dict


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("data/faces", Path("data/faces")),
        ("/data/faces/", Path("/data/faces")),
        ("s3://bucket/sets/faces/", Url("s3://bucket/sets/faces")),
        ("http://host:8000", Url("http://host:8000")),
    ],
)
def test_text_becomes_a_place_and_text_again(text, place):
    assert parse_place(text) == place
    assert parse_place(str(place)) == place
    assert place_problem(place) is None
    assert str(place / "train/000000.tar") == f"{place}/train/000000.tar"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("ftp://host/faces", r"begin with s3://, gs://, http:// or https://"),
        ("s3a://bucket/faces", "begin with s3://"),
        ("s3://", "names no bucket: write s3://BUCKET/FOLDER"),
        ("s3:///faces", "names no bucket"),
        ("https:///faces", "names no host: write https://HOST/FOLDER"),
        ("http://host:port/faces", "is no URL"),
        ("http://host/faces?key=1", r"must not hold \? or #"),
        ("file:///data/faces", "give the folder itself, /data/faces"),
        ("http://ada:secret@host/faces", r"put them into ~/\.netrc"),
        ("s3:/bucket/faces", "one slash too few"),
    ],
)
def test_a_wrong_address_is_answered_when_the_configuration_is_built(text, remedy):
    shown = text.replace("ada:secret", "***").replace("key=1", "***")
    with pytest.raises(ConfigError, match=f"data.path = '{re.escape(shown)}': .*{remedy}"):
        check_section(DataConfig(path=parse_place(text)), "data")


def test_a_string_in_python_is_answered_too():
    with pytest.raises(ConfigError, match="`parse_place` makes of a string"):
        check_section(DataConfig(path="s3://bucket/faces"), "data")  # pyright: ignore[reportArgumentType]


def test_a_wrong_address_is_never_asked():
    with pytest.raises(DatasetError, match=r"ftp://host/faces/dataset\.json cannot be read \(must be a folder"):
        read_manifest(Url("ftp://host/faces"))


@pytest.mark.parametrize("text", ["s3://bucket/faces", "data/faces"])
def test_a_place_survives_the_command_line_and_a_file(text):
    data = tyro.cli(DataConfig, args=["--path", text])
    assert data.path == parse_place(text)
    values = config_to_dict(load_preset(DEFAULT))
    values["data"]["path"] = text
    config = config_from_dict(values)
    assert config.data.path == parse_place(text)
    assert config_to_dict(config) == values


def test_the_cache_is_where_the_field_or_the_variable_says(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("DIPTYCH_CACHE", raising=False)
    assert DataConfig().cache_folder == Path("/home/ada/.cache/diptych")
    monkeypatch.setenv("DIPTYCH_CACHE", "/scratch/ada")
    assert DataConfig().cache_folder == Path("/scratch/ada")
    assert DataConfig(cache_dir=Path("/ssd")).cache_folder == Path("/ssd")


def test_without_a_home_the_cache_must_be_named():
    code = "from trainer.config.data import DataConfig; print(DataConfig().cache_folder)"
    with shared_folder() as folder:
        assert "DIPTYCH_CACHE = '': this user has no home" in run_unprivileged("-c", code, cwd=folder).stderr
        assert run_unprivileged("-c", code, cwd=folder, DIPTYCH_CACHE="/scratch").stdout == "/scratch\n"
