"""A data set or a run from a stranger: what its dataset.json and run.json name costs the user no file."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from launch.cli import main as diptych
from launch.run_options import parse_train
from launch.starting import same_config
from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.reading.reader import ShardReader
from sharding.storage import transfer
from sharding.storage.cache import Cache
from sharding.storage.seal import seal
from tests.remote import serve
from tests.tiny_run import tiny_config, write_map_dataset, write_tiny_run
from tests.unit.sharding.files import contents
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.runs.config import config_from_dict, config_to_dict
from trainer.runs.rundir import RunDir

VICTIM = {"thesis": b"years of work", "id_ed25519": b"a key"}


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "home" / "cache"))
    monkeypatch.delenv("DIPTYCH_CACHE_GB", raising=False)
    transfer._backend.cache_clear()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of the user's."""
    folder = tmp_path / "home" / "own"
    folder.mkdir(parents=True)
    for name, content in VICTIM.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def site(tmp_path: Path):
    write_map_dataset(tmp_path / "set")
    with serve(tmp_path / "set") as running:
        yield running


def reseal(folder: Path, **fields: str) -> None:
    """A manifest that says so of every shard, with the seal that fits."""
    record = json.loads((folder / "dataset.json").read_bytes())
    del record["sha256"]
    for shards in record["splits"].values():
        for shard in shards:
            shard.update(fields)
    (folder / "dataset.json").write_bytes(seal(json.dumps(record, indent=1).encode()))


def receive(folder: Path, url, **data) -> RunDir:
    """A run that came from a stranger: it names the address, and whatever `data` says."""
    run = RunDir(folder / "received")
    write_tiny_run(run, tiny_config(url))
    record = run.record()
    record["config"]["data"].update(data)
    run.run_file.write_text(json.dumps(record))
    return run


LIES = [(field, name) for field in ("sha256", "index_sha256") for name in ("{own}/thesis", "../own/thesis")]


@pytest.mark.parametrize("lie", LIES, ids="-".join)
def test_a_manifest_cannot_name_a_file_of_the_user_s(site, own, tmp_path, capsys, lie):
    reseal(site.folder, **{lie[0]: lie[1].format(own=own)})
    run = receive(tmp_path, site.url)
    assert diptych(["evaluate", str(run.path), "--device", "cpu"]) == 1
    assert contents(own) == VICTIM
    assert f"has {lie[0]} = " in capsys.readouterr().err
    cache = Cache(tmp_path / "home" / "cache", max_bytes=10**9)
    with pytest.raises(DatasetError, match=f"has {lie[0]} = "):
        ShardReader(site.url, read_manifest(site.url), split="test", views=["photo"], cache=cache).read(0, 0)
    assert contents(own) == VICTIM


def test_a_received_run_does_not_choose_the_cache(site, own, tmp_path):
    run = receive(tmp_path, site.url, cache_dir=str(own), cache_gb=1e-9)
    assert diptych(["evaluate", str(run.path), "--device", "cpu"]) == 0
    assert contents(own) == VICTIM
    assert (tmp_path / "home" / "cache" / "CACHEDIR.TAG").is_file()


def test_a_careless_cache_folder_is_refused(site, own, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DIPTYCH_CACHE", str(own))
    run = receive(tmp_path, site.url)
    assert diptych(["evaluate", str(run.path), "--device", "cpu"]) == 1
    assert "is no cache: it holds id_ed25519" in capsys.readouterr().err
    assert contents(own) == VICTIM


def test_a_received_run_cannot_name_a_file_address(tmp_path, site, own):
    run = receive(tmp_path, site.url, path=f"file://{own}")
    with pytest.raises(ConfigError, match=rf"data\.path = 'file://{own}': .*give the folder itself, {own}"):
        run.config()


def test_place_and_size_of_the_cache_are_not_stored_and_what_is_stored_is_ignored(tmp_path):
    config = tiny_config(tmp_path)
    config = replace(config, data=replace(config.data, cache_dir=tmp_path, cache_gb=3.0))
    stored = config_to_dict(config)
    assert not {"cache_dir", "cache_gb"} & set(stored["data"])
    stored["data"] |= {"cache_dir": "/home/ada/.ssh", "cache_gb": -1}
    read = config_from_dict(stored).data
    assert (read.cache_dir, read.cache_gb) == (None, None)


def test_flags_of_the_cache_hold_for_the_processes_of_the_run(tmp_path, monkeypatch, site):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    _, options = parse_train(["--data.cache-dir", "here", "--data.cache-gb", "3"], prog="test")
    run = receive(tmp_path, site.url)
    code = (
        "import sys; from pathlib import Path; from trainer.runs.rundir import RunDir\n"
        "data = RunDir(Path(sys.argv[1])).config().data; print(data.cache_folder, data.cache_limit_gb)"
    )
    command = [sys.executable, "-c", code, str(run.path)]
    root = Path(__file__).resolve().parents[3]
    said = subprocess.run(command, env=dict(os.environ), cwd=root, capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(tmp_path / "here"), "3.0"]
    assert options.config.data.cache_folder == Path("here")


@pytest.mark.parametrize("text", ["lots", "-1", "0", "nan", "inf"])
def test_an_impossible_size_in_the_environment_is_named(monkeypatch, text):
    monkeypatch.setenv("DIPTYCH_CACHE_GB", text)
    with pytest.raises(ConfigError, match=rf"DIPTYCH_CACHE_GB = '{text}': use a positive number"):
        _ = DataConfig().cache_limit_gb


def test_a_run_that_an_earlier_version_began_is_the_same_run(tmp_path, site):
    run = receive(tmp_path, site.url, cache_dir=None, cache_gb=50.0)
    assert same_config(run, tiny_config(site.url))
    assert not same_config(run, tiny_config(tmp_path))
