"""Training on a data set behind an address: the same batches as from its folder, and words for what goes wrong."""

import shutil
import threading
import time
from dataclasses import replace

import pytest

from launch.embedded import ensure_dataset
from sharding.cli import main as shard
from sharding.errors import DatasetError
from sharding.format.manifest_file import manifest_bytes, read_manifest, write_manifest
from sharding.reading.reader import ShardReader
from sharding.storage import download, transfer
from sharding.storage.cache import Cache
from sharding.storage.place import Url
from sharding.verifying.verify import verify
from tests.remote import Fault, serve
from tests.store import BUCKET, serve_store
from tests.tiny_run import subject_of, tiny_config
from tests.unit.data.loading import assert_equal, evaluate, open_loader, take
from tests.unit.data.tiny_shards import SHARDS, write_unpaired_dataset
from trainer.config.errors import ConfigError
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir
from trainer.runs.task import check_task

TARS = [f"train/{number:06d}.tar" for number in range(len(SHARDS["train"]))]


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    """A cache of this test, and little patience."""
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PATIENCE", download.Patience(first_wait_s=0.01, longest_wait_s=0.05, total_s=0.5))
    transfer._backend.cache_clear()


@pytest.fixture
def site(noisy):
    with serve(noisy) as running:
        yield running


def prefetch_threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_batches_are_those_of_the_folder_from_any_position(noisy, site):
    site.fail(TARS[1], Fault(cut_after=5000), Fault(status=503))
    for start in (0, 7, 31):
        options = {"start_position": start, "rank": 1, "world_size": 2, "label": "kind", "shuffle_window_shards": 1}
        for remote, local in zip(take(6, site.url, **options), take(6, noisy, **options), strict=True):
            assert_equal(remote, local)
    assert prefetch_threads() == []
    assert sum(site.count(tar) for tar in TARS) == len(TARS) + 2  # each once, and again after each fault


def test_evaluation_sees_what_it_sees_in_the_folder(noisy, site):
    for rank in range(2):
        batches = [list(evaluate(place, rank=rank, world_size=2)) for place in (site.url, noisy)]
        for remote, local in zip(*batches, strict=True):
            assert_equal(remote, local)
    assert prefetch_threads() == []


def test_an_abandoned_evaluation_ends_its_threads(site):
    batches = evaluate(site.url)
    next(batches)
    assert prefetch_threads()
    batches.close()
    assert prefetch_threads() == []


def test_both_sides_of_an_unpaired_set_are_fetched(tmp_path):
    write_unpaired_dataset(tmp_path / "set")
    with serve(tmp_path / "set") as site:
        options = {"pairing": "unpaired", "view_b": "map"}
        for remote, local in zip(take(4, site.url, **options), take(4, tmp_path / "set", **options), strict=True):
            assert_equal(remote, local)


def test_the_next_shards_arrive_while_the_first_are_trained_on(site):
    loader = open_loader(site.url, shuffle_window_shards=1, batch_size=1)
    next(loader)
    until = time.monotonic() + 20
    while sum(site.count(tar) for tar in TARS) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    loader.close()


def test_a_folder_needs_no_threads(noisy):
    loader = open_loader(noisy)
    next(loader)
    assert prefetch_threads() == []
    loader.close()


def test_an_outage_that_lasts_names_the_shard(site):
    loader = open_loader(site.url, shuffle_window_shards=1)
    for tar in TARS:
        site.fail(tar, *[Fault(status=503)] * 10000)
    with pytest.raises(DatasetError, match=rf"{site.url}/train/00000\d\.tar could not be read: .* 503"):
        next(loader)
    loader.close()
    assert prefetch_threads() == []


def test_an_index_that_is_not_there_is_named_before_training(site):
    site.fail("000001.idx", Fault(status=404))
    with pytest.raises(DatasetError, match=rf"{site.url}/train/000001\.idx is not there \(404\)"):
        open_loader(site.url)


def test_an_address_without_a_data_set_is_named(site):
    with pytest.raises(DatasetError, match=r"/nothing/dataset\.json is not there \(404\)\. Check the address"):
        read_manifest(site.url / "nothing")


def test_the_manifest_is_that_of_the_folder(noisy, site):
    assert manifest_bytes(site.url) == manifest_bytes(noisy)


def test_evicted_shards_do_not_stay_open(site, tmp_path):
    """Their room on the disk would be taken as long as they do."""
    reader = ShardReader(
        site.url,
        read_manifest(site.url),
        split="train",
        views=["photo"],
        cache=Cache(tmp_path / "one", 100_000),
        max_open=1,
    )
    for number in (0, 1, 2, 0):
        assert reader.read(number, 0)
    assert len(reader._open) == 1
    reader.close()


def test_a_cache_too_small_for_what_is_needed_at_a_time_is_named(map_dataset):
    with serve(map_dataset) as site:
        config = tiny_config(map_dataset)
        remote = replace(config, data=replace(config.data, path=site.url, cache_gb=1e-6))
        with pytest.raises(ConfigError, match=r"data\.cache_gb = 1e-06: must be at least 0\.\d+: twice data\.sh"):
            check_task(subject_of(remote))
        check_task(subject_of(replace(remote, data=replace(remote.data, cache_gb=0.1))))
        check_task(subject_of(replace(config, data=replace(config.data, cache_gb=1e-6))))


@pytest.fixture
def s3_set(noisy):
    """The same data set in a bucket."""
    with serve_store() as store:
        store.files.put(f"{noisy}/", f"{BUCKET}/sets/noisy", recursive=True)
        yield Url(f"s3://{BUCKET}/sets/noisy"), store.files


def test_s3_serves_batches_and_is_verified(noisy, s3_set, monkeypatch):
    url, store = s3_set
    monkeypatch.setattr(transfer, "BLOCK_BYTES", 7000)  # several to a tar
    options = {"start_position": 7, "rank": 1, "world_size": 2}
    for remote, local in zip(take(5, url, **options), take(5, noisy, **options), strict=True):
        assert_equal(remote, local)
    before = verify(url)
    assert before == [line.replace(str(noisy), str(url)) for line in verify(noisy)]
    store.pipe("bucket/sets/noisy/train/stray.txt", b"1")
    store.rm("bucket/sets/noisy/test/000001.tar")
    assert set(verify(url)) > {
        f"{url}/train/stray.txt: is not listed in dataset.json; remove it, or shard the images again",
        f"{url}/test/000001.tar: is missing",
    }
    with pytest.raises(DatasetError, match=r"s3://nowhere/set/dataset\.json is not there \(404\)"):
        read_manifest(Url("s3://nowhere/set"))


def test_a_run_keeps_its_address_and_knows_its_data_set(map_dataset, tmp_path):
    shutil.copytree(map_dataset, tmp_path / "set")
    with serve(tmp_path / "set") as site:
        config = tiny_config(map_dataset)
        config = replace(config, data=replace(config.data, path=site.url))
        run = RunDir(tmp_path / "run")
        run.create(config, preset="tiny", command=[])
        assert run.config() == config
        assert run.record()["config"]["data"]["path"] == str(site.url)
        assert open_run(run).config == config
        write_manifest(tmp_path / "set", replace(read_manifest(site.url), name="another"))
        with pytest.raises(ConfigError, match=rf"data\.path = '{site.url}': is not the data set that this run"):
            open_run(run)


def test_the_command_line_takes_an_address(map_dataset, capsys):
    with serve(map_dataset) as site:
        shard(["verify", str(site.url)])
        assert str(site.url) in capsys.readouterr().out
        ensure_dataset(site.url)
    assert shard(["verify", "s4://bucket/set"]) == 1
    assert "must be a folder, or begin with s3://" in capsys.readouterr().out


def test_a_remote_set_is_verified_as_it_lies_there(map_dataset, tmp_path):
    """Not as it lies in a cache; nor does it come into one."""
    with serve(map_dataset) as site:
        assert verify(site.url) == [line.replace(str(map_dataset), str(site.url)) for line in verify(map_dataset)]
        site.fail("val/000000.tar", Fault(flip=True))
        site.fail("test/000000.tar", Fault(status=404))
        problems = verify(site.url)
    assert not any("/tmp/" in problem for problem in problems)
    assert any("/val/000000.tar: its SHA-256 is not the one" in problem for problem in problems)
    assert f"{site.url}/test/000000.tar: is missing" in problems
    assert not (tmp_path / "cache").exists()
