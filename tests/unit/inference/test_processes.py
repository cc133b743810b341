"""Several processes make what one makes, share by position, and end together."""

from multiprocessing import active_children
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sharding.console import make_console
from trainer.config.errors import ConfigError
from trainer.inference.journal import FILE_NAME, Journal
from trainer.inference.processes import ProcessError, devices_of
from trainer.inference.share import Item, share_out
from trainer.inference.translate import translate_folder
from trainer.inference.usage import Usage
from trainer.runs.opened import open_run

FREE = Usage(dropout="off", batch_statistics="off")


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "in").mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (6, 40, 32, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    (tmp_path / "in" / "3.png").write_bytes(b"no picture")
    return tmp_path / "in"


def translate(run, inputs, name, **options):
    destination = inputs.with_name(name)
    return translate_folder(
        open_run(run, needs_data=False),
        source=inputs,
        destination=destination,
        device=torch.device("cpu"),
        usage=FREE,
        journal=Journal(destination, {}),
        console=make_console(quiet=True),
        **options,
    )


def test_two_make_what_one_makes(tiny_run, inputs, tmp_path):
    one, two = translate(tiny_run, inputs, "one"), translate(tiny_run, inputs, "two", num_procs=2)
    assert two.failed == one.failed != {}
    assert two.pixels == one.pixels == 5 * 40 * 32
    names = sorted(path.name for path in one.written)
    assert sorted(path.name for path in two.written) == names == [f"{number}.png" for number in (0, 1, 2, 4, 5)]
    for name in names:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert (tmp_path / "two" / FILE_NAME).read_text().count('"made"') == 5  # one journal
    (tmp_path / "two" / "1.png").unlink()
    again = translate(tiny_run, inputs, "two", num_procs=1)
    assert [path.name for path in again.written] == ["1.png"]


@pytest.mark.slow
def test_what_cannot_be_written_ends_all_of_them(tiny_run, inputs, tmp_path):
    (inputs / "sub").mkdir()
    (inputs / "0.png").rename(inputs / "sub" / "0.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder is needed")
    with pytest.raises(OSError, match=r"could not write .*sub/0\.png"):
        translate(tiny_run, inputs, "out", num_procs=2)


@pytest.mark.slow
def test_a_process_that_is_killed_is_told(tiny_run, inputs, monkeypatch):
    def send(self, shares, original=Connection.send):
        active_children()[0].kill()
        original(self, shares)

    monkeypatch.setattr(Connection, "send", send)
    with pytest.raises(ProcessError, match=r"ended.*signal 9.*same command again"):
        translate(tiny_run, inputs, "out", num_procs=2)
    assert not active_children()


def test_shares_follow_from_places_and_not_from_what_is_left():
    files = [Path(f"{number:02d}") for number in range(40)]
    items = [Item(source=file, targets=()) for file in files]
    is_plain = [number < 30 for number in range(40)]
    whole = share_out(items, is_plain=is_plain, wanted=set(files))
    left = share_out(items, is_plain=is_plain, wanted={files[number] for number in (0, 5, 29, 35)})
    assert [len(block) for block in whole.together] == [4] * 7 + [2]
    assert [[item.source for item in block] for block in left.together] == [[files[0]], [files[5]], [files[29]]]
    shares = [whole.of(number, 3) for number in range(3)]
    passed = [str(item.source) for share in shares for block in share.together for item in block]
    assert sorted(passed) == [str(file) for file in files[:30]]
    assert [[item.source for item in share.alone] for share in shares] == [files[30::3], files[31::3], files[32::3]]
    assert sum(map(len, shares)) == 40


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices_of(torch.device("cuda"), None) == [torch.device("cuda", 0), torch.device("cuda", 1)]
    with pytest.raises(ConfigError, match="there are 2 GPUs"):
        devices_of(torch.device("cuda"), 3)
