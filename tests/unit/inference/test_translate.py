"""Translating pictures of any size: with an identity in place of the network, and with a real run."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from launch.commands.translate import TranslateOptions
from launch.commands.translate import translate as translate_command
from sharding.console import make_console
from sharding.format.manifest import View
from sharding.format.manifest_file import read_manifest, write_manifest
from tests.tiny_run import POSITION, tiny_config, write_map_dataset, write_tiny_run
from trainer.inference import share, work
from trainer.inference.operation import Operation
from trainer.inference.padding import pad_to_multiple, translate_image, translate_images
from trainer.inference.translate import translate_folder
from trainer.inference.usage import Usage
from trainer.inference.work import is_out_of_memory
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
STRIDE = 32


def noise(width, height, *, mode="RGB"):
    shape = (height, width) if mode == "L" else (height, width, 3)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def translate(run, folder, **options):
    return translate_folder(
        open_run(run, needs_data=False),
        source=folder / "in",
        destination=folder / "out",
        device=CPU,
        console=make_console(quiet=True),
        **options,
    )


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    noise(50, 30).save(folder / "photo.jpg")
    noise(64, 32).save(folder / "sub" / "wide.png")
    noise(1, 1, mode="L").save(folder / "dot.webp")
    return folder


def operation_of(apply, *, side=None):
    view = View(extension="x.png")
    return Operation(apply=apply, source=view, result=view, stride=STRIDE, side=side)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (32, 32), (33, 31), (100, 1), (64, 130)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_size_survives_an_identity(size, channels):
    seen = []

    def identity(image):
        seen.append(image.shape)
        return image

    image = torch.rand(channels, *size[::-1]) * 2 - 1
    assert torch.equal(translate_image(operation_of(identity), image, device=CPU), image)
    (shape,) = seen
    assert shape[0] == 1
    assert all(side % STRIDE == 0 and side - STRIDE < length for side, length in zip(shape[:1:-1], size, strict=True))


def test_a_method_of_one_size_gets_it_and_gives_it():
    operation = operation_of(lambda image: -image, side=64)
    image = translate_image(operation, torch.ones(3, 130, 50), device=CPU)
    torch.testing.assert_close(image, -torch.ones(3, 64, 64))


def test_padding_mirrors():
    row = torch.tensor([[[1.0, 2.0, 3.0]]])
    # One row of three to 4 x 8: mirrored 3 2 1 2 3 | 2 1 2, and the single row repeated.
    assert pad_to_multiple(row, 4).tolist() == [[[1.0, 2.0, 3.0, 2.0]] * 4]
    assert pad_to_multiple(row, 8)[0, 0].tolist() == [1, 2, 3, 2, 1, 2, 3, 2]


def test_a_folder_of_all_kinds(tiny_run, inputs, tmp_path):
    (inputs / "notes.txt").write_text("no picture")
    result = translate(tiny_run, tmp_path)
    sizes = {path.relative_to(tmp_path / "out").as_posix(): Image.open(path).size for path in result.written}
    assert sizes == {"photo.png": (50, 30), "sub/wide.png": (64, 32), "dot.png": (1, 1)}
    assert result.others == (inputs / "notes.txt",)
    assert result.position == POSITION
    assert {path.name for path in (tmp_path / "out").rglob("*")} == {"photo.png", "sub", "wide.png", "dot.png"}


def test_noise_follows_from_the_seed_and_the_name(tiny_run, inputs, tmp_path):
    def pixels(**options):
        translate(tiny_run, tmp_path, overwrite=True, **options)
        return (tmp_path / "out" / "sub" / "wide.png").read_bytes()

    first = pixels()
    assert pixels() == first
    assert pixels(seed=1) != first
    (inputs / "photo.jpg").unlink()  # other pictures do not matter
    assert pixels() == first


def test_a_bad_picture_is_listed_and_the_others_translated(tiny_run, inputs, tmp_path):
    whole = (inputs / "photo.jpg").read_bytes()
    (inputs / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    result = translate(tiny_run, tmp_path)
    assert list(result.failed) == [inputs / "cut.jpg"]
    assert "cannot be read" in result.failed[inputs / "cut.jpg"]
    assert len(result.written) == 3
    assert not (tmp_path / "out" / "cut.png").exists()


def test_a_result_that_cannot_be_written_stops_with_its_name(tiny_run, inputs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder is needed")
    with pytest.raises(OSError, match=r"could not write .*sub/wide.png"):
        translate(tiny_run, tmp_path)


def test_the_command_fails_for_a_bad_picture_unless_told_not_to(tiny_run, inputs, tmp_path, capsys):
    (inputs / "cut.jpg").write_bytes(b"no picture")
    options = {"run": tiny_run.path, "source": inputs, "destination": tmp_path / "out", "device": "cpu"}
    assert translate_command(TranslateOptions(**options)) == 1
    assert f"not translated: {inputs / 'cut.jpg'} cannot be read" in capsys.readouterr().out
    assert translate_command(TranslateOptions(**options, skip_bad=True, overwrite=True)) == 0
    assert "cut.jpg" in capsys.readouterr().out


def test_the_command_explains_a_result_that_cannot_be_written(tiny_run, inputs, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder is needed")
    options = TranslateOptions(run=tiny_run.path, source=inputs, destination=tmp_path / "out", device="cpu")
    assert translate_command(options) == 1
    assert "could not write" in capsys.readouterr().err


def test_a_link_among_the_results_is_replaced_and_not_followed(tiny_run, inputs, tmp_path):
    keys = tmp_path / "authorized_keys"
    keys.write_text("the user's own")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photo.png").symlink_to(keys)
    translate(tiny_run, tmp_path, overwrite=True)
    assert keys.read_text() == "the user's own"
    assert not (tmp_path / "out" / "photo.png").is_symlink()
    assert Image.open(tmp_path / "out" / "photo.png").size == (50, 30)


def test_names_of_files_are_text_on_the_terminal(tiny_run, inputs, tmp_path, capsys):
    for name in (b"\x1b]0;owned\x07.png", b"caf\xe9[bold].png", b"a\nerror: do this.png", b"\x1b[2J.txt"):
        (inputs / os.fsdecode(name)).write_bytes(b"no picture")
    noise(8, 8).save(inputs / "good.png")
    (inputs / "good.png").rename(inputs / os.fsdecode(b"na\xefve.png"))
    options = TranslateOptions(run=tiny_run.path, source=inputs, destination=tmp_path / "out", device="cpu")
    assert translate_command(options) == 1
    said = capsys.readouterr().out
    assert not set(said) & {"\x1b", "\x07"}
    for shown in ("␛]0;owned␇.png cannot be read", "caf\\xe9[bold].png", "a␊error: do this.png", "␛[2J.txt"):
        assert shown in said
    assert (tmp_path / "out" / os.fsdecode(b"na\xefve.png")).is_file()


def test_what_no_file_can_be_read_or_written_for_is_its_own_fault(tiny_run, inputs, tmp_path):
    (inputs / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(inputs / "pipe.png")
    noise(8, 8).save(inputs / f"{'x' * 252}.bw", format="PNG")  # its result, .png, would have 256
    noise(8, 8).save(inputs / f"{'y' * 251}.png")
    result = translate(tiny_run, tmp_path)
    assert sorted(path.name[:4] for path in result.failed) == ["gone", "pipe", "xxxx"]
    assert len(result.written) == 4
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_memory_that_is_not_there_is_told_from_other_faults():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def test_values_that_are_cut_are_told(inputs, tmp_path, capsys):
    write_map_dataset(tmp_path / "data")
    manifest = read_manifest(tmp_path / "data")
    dark = replace(manifest.views["photo"], value_range=(0.0, 100.0))
    write_manifest(tmp_path / "data", replace(manifest, views={**manifest.views, "photo": dark}))
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, tiny_config(tmp_path / "data"))
    options = TranslateOptions(run=run.path, source=inputs, destination=tmp_path / "out", device="cpu")
    assert translate_command(options) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 pictures hold values beyond the range of the run's view, which were cut" in said  # not the dark dot
    assert "wide.png (60.9%)" in said


def test_pictures_of_one_size_pass_together_and_have_the_same_files(tiny_run, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture[: 20 if number == 18 else 32]).save(tmp_path / "in" / f"{number:02}.png")
    (tmp_path / "in" / "03.png").write_bytes(b"no picture")
    usage, seen = Usage(dropout="off", batch_statistics="off"), []

    def files(most):
        def noted(operation, images, **kwargs):
            seen.append(len(images))
            return translate_images(operation, images, **kwargs)

        monkeypatch.setattr(work, "translate_images", noted)
        monkeypatch.setattr(share, "AT_ONCE", most)
        result = translate(tiny_run, tmp_path, overwrite=True, usage=usage)
        assert list(result.failed) == [tmp_path / "in" / "03.png"]
        return {path.name: np.asarray(Image.open(path), dtype=int) for path in result.written}

    together = files(16)
    assert seen == [3, 2, 3, 3, 3, 3, 1, 2]  # in blocks of an eighth, of which one holds no picture, one another size
    alone = files(1)
    assert seen[8:] == [1] * 20
    assert [*together] == [*alone] == sorted(alone)
    assert max(abs(together[name] - alone[name]).max() for name in alone) <= 1  # of 255


def test_what_does_not_fit_together_is_tried_alone(tiny_run, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for number in range(3):
        noise(32, 32).save(tmp_path / "in" / f"{number}.png")

    def scarce(operation, images, **kwargs):
        if len(images) > 1:
            raise torch.OutOfMemoryError
        return translate_images(operation, images, **kwargs)

    monkeypatch.setattr(work, "translate_images", scarce)
    result = translate(tiny_run, tmp_path, usage=Usage(dropout="off", batch_statistics="off"))
    assert [path.name for path in result.written] == ["0.png", "1.png", "2.png"]
