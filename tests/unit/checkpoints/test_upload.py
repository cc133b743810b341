"""Checkpoints are sent to a store behind training's back: whole or not at all, whatever the store does."""

import time
from dataclasses import replace

import pytest

from sharding.storage import download, transfer, upload
from sharding.storage.place import Url
from tests.store import BUCKET, SECRET, Door, Store
from tests.unit.checkpoints.copies import FILES, QUICK_S, checkpoint, send, uploader_of, wait_until
from trainer.checkpoints.adopt import adopt
from trainer.checkpoints.layout import CheckpointState, describe_files, folder_of, read_state, write_state
from trainer.checkpoints.remote.copy import begin_copy, copy_of, positions
from trainer.checkpoints.remote.parts import choose_senders, part_of
from trainer.checkpoints.sight import Sight
from trainer.config.errors import ConfigError
from trainer.runs.changes import write_changes
from trainer.runs.formats import RUN
from trainer.runs.rundir import RunDir


def there(store: Store) -> list[int]:
    return positions(store.names("runs/ada"))


def test_a_checkpoint_arrives_to_the_byte_and_its_state_last(run: RunDir, store: Store):
    metrics = send(run, 8)
    assert metrics["upload/done"] == 1
    assert metrics["time/upload_s"] > 0
    folder = folder_of(run.checkpoints, 8)
    for name in [*FILES, "state.json"]:
        assert store.files.cat(f"{BUCKET}/runs/ada/checkpoints/00000008/{name}") == (folder / name).read_bytes()
    for name in ("run.json", "metrics.jsonl"):
        assert store.files.cat(f"{BUCKET}/runs/ada/{name}") == (run.path / name).read_bytes()
    assert store.sent()[-1] == "runs/ada/checkpoints/00000008/state.json"


def test_what_becomes_of_the_run_afterwards_is_sent_at_the_end(run: RunDir, store: Store):
    uploader = uploader_of(run)
    checkpoint(run, 8)
    uploader.offer(8, best=None)
    wait_until(lambda: not uploader.held())
    run.write_early_stop(position=8, reason="enough")
    uploader.close()
    assert store.sent()[-1] == "runs/ada/early_stop.json"


def test_the_newest_and_the_best_stay(run: RunDir, store: Store):
    send(run, 8, 16, 24, 32, best=8)
    assert there(store) == [8, 24, 32]
    assert not [name for name in store.names("runs/ada") if "00000016" in name]


def test_a_large_file_is_sent_in_blocks(run: RunDir, store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(upload, "BLOCK_BYTES", 5 * 2**20)  # S3's least
    folder = checkpoint(run, 8)
    content = bytes(range(256)) * 50_000
    (folder / "ema.pt").write_bytes(content)
    (folder / "state.json").unlink()
    write_state(folder, replace(read_state(checkpoint(run, 16)), position=8, files=describe_files(folder)))
    uploader = uploader_of(run)
    uploader.offer(8, best=None)
    uploader.close()
    assert ("POST", "runs/ada/checkpoints/00000008/ema.pt") in store.requests
    assert store.files.cat(f"{BUCKET}/runs/ada/checkpoints/00000008/ema.pt") == content


def test_a_short_outage_is_ridden_out(run: RunDir, store: Store):
    store.doors += [Door("PUT", "ema.pt", status=500, times=2), Door("PUT", "state.json", hangs=True, times=1)]
    metrics = send(run, 8)
    assert metrics["upload/failed"] == 0
    assert there(store) == [8]


@pytest.mark.parametrize("door", [{"status": 403}, {"status": 500}, {"hangs": True}], ids=str)
def test_half_a_checkpoint_never_counts_and_goes_with_the_next(
    door: dict[str, int], run: RunDir, store: Store, caplog: pytest.LogCaptureFixture
):
    store.doors.append(Door("PUT", "00000008/ema.pt", **door))
    store.files.pipe(f"{BUCKET}/runs/ada/checkpoints/00000008/pools-0000.pt", b"of a former life")
    began = time.monotonic()
    metrics = send(run, 8)
    assert time.monotonic() - began < QUICK_S
    assert (metrics["upload/done"], metrics["upload/failed"]) == (0, 1)
    assert "uploading checkpoint 8 failed: s3://bucket/runs/ada/checkpoints/00000008/ema.pt" in caplog.text
    assert SECRET not in caplog.text
    assert there(store) == []
    assert any("00000008" in name for name in store.names())
    assert send(run, 16)["upload/done"] == 1
    assert there(store) == [16]
    assert not any("00000008" in name for name in store.names())


def test_training_waits_for_nothing_and_one_checkpoint_waits_at_most(
    run: RunDir, store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(transfer, "STALL_S", 60.0)
    store.doors.append(Door("GET", "", hangs=True))
    uploader = uploader_of(run)
    for number in (8, 16, 24):
        checkpoint(run, number)
        uploader.offer(number, best=8)
        wait_until(lambda: uploader._background._running is not None)
    assert uploader.held() == {8, 24}
    assert uploader.metrics() == {"upload/done": 0, "upload/failed": 0, "upload/skipped": 1, "time/upload_s": 0}
    store.doors.clear()
    uploader.close()
    assert uploader.metrics()["upload/skipped"] == 1
    assert there(store) == [8, 24]


def test_a_checkpoint_that_is_sent_anew_counts_again_when_it_is_whole(run: RunDir, store: Store):
    send(run, 8)
    store.requests.clear()
    store.doors.append(Door("PUT", "ema.pt", status=403))
    send(run, 8)
    assert there(store) == []


def test_a_checkpoint_taken_from_another_trial_takes_the_place_of_the_runs_own_copy(run: RunDir, store: Store):
    send(run, 8)
    donor = RunDir(run.path.with_name("donor"))
    taken = checkpoint(donor, 8)
    (taken / "ema.pt").write_bytes(b"better")
    (taken / "state.json").unlink()
    write_state(taken, CheckpointState(position=8, step=1, world_size=1, ranks=[{}], files=describe_files(taken)))
    adopt(taken, run.checkpoints)
    store.requests.clear()
    offer_taken(run)
    assert store.sent() == []
    write_changes(run, run.config(), {}, position=8, taken_from="001")
    offer_taken(run)
    assert store.files.cat(f"{BUCKET}/runs/ada/checkpoints/00000008/ema.pt") == b"better"
    assert there(store) == [8]


def offer_taken(run: RunDir) -> None:
    uploader = uploader_of(run)
    uploader.offer_taken(8, best=None)
    uploader.close()


def test_another_run_of_the_same_name_is_left_alone(run: RunDir, store: Store, caplog: pytest.LogCaptureFixture):
    copy = copy_of(run, Url(f"s3://{BUCKET}/runs"))
    begin_copy(run, copy)
    record = run.record() | {"wandb_id": "another"}
    RUN.write(run.run_file, record)
    begin_copy(run, copy)  # nothing but a run.json is there
    send(run, 8)
    before = {name: store.files.cat(f"{BUCKET}/{name}") for name in store.names()}
    RUN.write(run.run_file, record | {"wandb_id": "third"})
    with pytest.raises(ConfigError, match=r"checkpoint\.upload = 's3://bucket/runs/ada': holds checkpoints of another"):
        begin_copy(run, copy)
    assert send(run, 16)["upload/failed"] == 1
    assert "holds checkpoints of another run" in caplog.text
    assert {name: store.files.cat(f"{BUCKET}/{name}") for name in store.names()} == before


@pytest.mark.parametrize(
    ("door", "said"),
    [
        ({"status": 403}, r"run\.json cannot be written \(403.*credentials may write"),
        ({"status": 503}, r"run\.json could not be written: \d+ tries in .* 503"),
        ({"hangs": True}, r"run\.json could not be written: .* nothing went through for 1 s"),
    ],
    ids=str,
)
def test_what_cannot_be_written_to_is_said_before_training(door, said: str, run: RunDir, store: Store):
    store.doors.append(Door("PUT", "run.json", **door))
    with pytest.raises(download.RemoteError, match=said):
        begin_copy(run, copy_of(run, Url(f"s3://{BUCKET}/runs")))


def test_each_host_sends_its_ranks_files_and_the_main_host_what_only_it_has(run: RunDir):
    state = read_state(checkpoint(run, 8))
    files = dict.fromkeys(["ema.pt", *(f"pools-{rank:04d}.pt" for rank in range(6))], state.files["ema.pt"])
    state = replace(state, world_size=6, files=files)
    hosts = ["a", "a", "b", "b", "c", "c"]
    senders = choose_senders(hosts, Sight((0, 0, 0, 0, 4, 4)))
    assert senders == (0, 0, 2, 2, 0, 0)
    parts = {rank: part_of(state, rank, senders=senders) for rank in range(6)}
    assert parts[2] == {"pools-0002.pt", "pools-0003.pt"}
    assert parts[0] == files.keys() - parts[2]
    assert not any(parts[rank] for rank in (1, 3, 4, 5))
