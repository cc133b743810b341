"""`diptych sample`, with real networks of random weights."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from launch.commands.sample import SampleOptions, sample
from tests.tiny_run import tiny_config
from tests.unit.labelled import SIDE, config_of, image_of, write_run
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.data.randomness import seeded
from trainer.inference.draw import draw_pictures
from trainer.inference.translator import Translator, load_translator
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.cgan.config import CGANConfig
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.gan.config import GANConfig
from trainer.methods.vae.config import VAEConfig
from trainer.pictures.tensors import to_picture
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
ENCODER, DECODER = EncoderConfig(num_filters=2), DecoderConfig(num_filters=2)
DISCRIMINATOR = DiscriminatorConfig(num_filters=2)
METHODS = {
    "cgan": CGANConfig(generator=DECODER, discriminator=DISCRIMINATOR),
    "gan": GANConfig(generator=DECODER, discriminator=DISCRIMINATOR),
    "vae": VAEConfig(encoder=ENCODER, decoder=DECODER, code_size=3),
    "autoencoder": AutoencoderConfig(encoder=ENCODER, decoder=DECODER, code_size=3),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, labelled_dataset: Path) -> dict[str, RunDir]:
    """One of each method. To be read."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        name: write_run(RunDir(folder / name), config_of(labelled_dataset, method)) for name, method in METHODS.items()
    }


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "made" / "out"


def draw(run: RunDir, out: Path, **options: Any) -> list[np.ndarray]:
    """The pixels of the pictures that are in the folder afterwards."""
    defaults = {"num": 5, "label": None, "between": None, "seed": 0}
    files = draw_pictures(open_run(run), destination=out, device=CPU, **defaults | options)
    assert sorted(out.iterdir()) == [*files, out / "grid.png"]
    return [np.asarray(Image.open(file)) for file in files]


def as_pictures(images: torch.Tensor) -> list[np.ndarray]:
    return [np.asarray(to_picture(image)) for image in images]


def assert_same(pictures: list[np.ndarray], others: list[np.ndarray]) -> None:
    assert len(pictures) == len(others)
    assert all(np.array_equal(picture, other) for picture, other in zip(pictures, others, strict=True))


def test_pictures_are_numbered_and_the_grid_holds_them_row_by_row(runs, out):
    pictures = draw(runs["gan"], out, num=5)
    assert [path.name for path in sorted(out.iterdir())] == [*(f"000{n}.png" for n in range(5)), "grid.png"]
    grid = np.asarray(Image.open(out / "grid.png"))
    assert grid.shape == (2 * SIDE, 3 * SIDE, 3)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, 3)
        assert np.array_equal(grid[row * SIDE :, column * SIDE :][:SIDE, :SIDE], picture)
    assert (grid[SIDE:, 2 * SIDE :] == 255).all()
    assert len({picture.tobytes() for picture in pictures}) == 5


def test_the_seed_decides(runs, out):
    first = draw(runs["gan"], out / "0")
    assert_same(draw(runs["gan"], out / "1"), first)
    assert not np.array_equal(draw(runs["gan"], out / "2", seed=1)[0], first[0])


def test_all_labels_in_turn_or_the_one_that_is_asked_for(runs, out):
    translator, _ = load_translator(open_run(runs["cgan"]), device=CPU)
    for name, labels in {None: [0, 1, 2, 0, 1], "blue": [2] * 5}.items():
        with seeded(0, "draw", device=CPU):
            expected = as_pictures(translator.sample(5, torch.tensor(labels)))
        assert_same(draw(runs["cgan"], out / str(name), label=name), expected)


def test_more_pictures_than_pass_at_once(runs, out, monkeypatch):
    """Labels go on from one part to the next."""
    monkeypatch.setattr("trainer.inference.draw._AT_ONCE", 2)
    translator, _ = load_translator(open_run(runs["cgan"]), device=CPU)
    with seeded(0, "draw", device=CPU):
        parts = [translator.sample(len(part), torch.tensor(part)) for part in ([0, 1], [2, 0], [1])]
    assert_same(draw(runs["cgan"], out), as_pictures(torch.cat(parts)))


def test_each_picture_is_written_before_the_next_are_drawn_and_the_grid_stays_small(runs, out, monkeypatch):
    there = []

    def sample_views(translator: Translator, num: int, label: torch.Tensor | None):
        there.append(len(list(out.iterdir())) if out.exists() else 0)
        return {"b": translator.sample(num, label)}

    monkeypatch.setattr("trainer.inference.draw._AT_ONCE", 2)
    monkeypatch.setattr("trainer.inference.draw._IN_GRID", 2)
    monkeypatch.setattr(Translator, "sample_views", sample_views)
    draw(runs["gan"], out)
    assert there == [0, 2, 4]
    assert Image.open(out / "grid.png").size == (2 * SIDE, SIDE)


def test_between_two_pictures_codes_are_mixed_in_equal_steps(runs, out, tmp_path):
    images = torch.stack([image_of(0, 0, seed=1), image_of(2, 1, seed=2)])
    paths = (tmp_path / "first.png", tmp_path / "last.png")
    for image, path in zip(images, paths, strict=True):
        to_picture(image).save(path)
    pictures = draw(runs["vae"], out, num=3, between=paths)
    translator, _ = load_translator(open_run(runs["vae"]), device=CPU)
    first, last = translator.encode(images)
    expected = translator.decode(torch.stack([first, (first + last) / 2, last]))
    assert (expected[0] - expected[2]).abs().mean() > 0.1
    for picture, image in zip(pictures, as_pictures(expected), strict=True):
        assert np.abs(picture.astype(int) - image).max() <= 1


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("autoencoder", {}, "method.name = 'autoencoder': draws no pictures; use `diptych translate`."),
        ("autoencoder", {"label": "red"}, "method.name = 'autoencoder': draws no pictures"),
        ("gan", {"label": "red"}, "label = 'red': method.name = 'gan' draws pictures of no label."),
        ("cgan", {"label": "pink"}, "label = 'pink': data.label = 'colour' has: red, green, blue."),
        (
            "gan",
            {"between": (Path("x"), Path("y"))},
            "between = ['x', 'y']: method.name = 'gan' has no codes to go bet",
        ),
        ("vae", {"between": (Path("x"), Path("y"))}, "between = ['x', 'y']: one of them cannot be read"),
        ("vae", {"between": (Path("x"), Path("y")), "label": "red"}, "label = 'red': is of no use with --between"),
    ],
)
def test_what_a_method_cannot_draw(method, options, message, runs, out):
    with pytest.raises(ConfigError) as error:
        draw(runs[method], out, **options)
    assert str(error.value).startswith(message)
    assert not out.exists()


def test_a_folder_that_is_not_empty_is_left_alone(runs, out):
    out.mkdir(parents=True)
    draw(runs["gan"], out)  # an empty one will do
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(ConfigError, match="is not empty; give a new folder"):
        draw(runs["gan"], out, seed=1)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    with pytest.raises(ConfigError, match="is a file"):
        draw(runs["gan"], out / "grid.png")


def test_the_command_says_where_they_are(runs, out, capsys):
    assert sample(SampleOptions(run=runs["gan"].path, destination=out, num=2, device="cpu")) == 0
    assert capsys.readouterr().out == f"2 pictures and grid.png in {out}\n"


def test_the_command_explains_a_folder_that_cannot_be_written(runs, tmp_path, capsys):
    (tmp_path / "file").touch()
    options = SampleOptions(run=runs["gan"].path, destination=tmp_path / "file" / "out", num=2, device="cpu")
    assert sample(options) == 1
    assert f"could not write to {tmp_path / 'file' / 'out'}" in capsys.readouterr().err


@pytest.mark.parametrize(("num", "between"), [(0, None), (1, (Path("x"), Path("y")))])
def test_too_few_pictures_are_refused(num, between):
    with pytest.raises(ConfigError, match=f"num = {num}: use 1 or more, and 2 or more with --between"):
        SampleOptions(run=Path("r"), destination=Path("o"), num=num, between=between)


def test_too_many_pictures_are_refused():
    with pytest.raises(ConfigError, match=r"num = 1000001: use 1000000 or fewer"):
        SampleOptions(run=Path("r"), destination=Path("o"), num=10**6 + 1)


def test_a_checkpoint_must_be_one(runs, tmp_path, labelled_dataset):
    run = write_run(RunDir(tmp_path / "run"), config_of(labelled_dataset, METHODS["gan"]))
    translator, position = load_translator(open_run(run), device=CPU)
    assert position == 1200
    assert set(translator.networks) == {"generator"}
    with pytest.raises(ConfigError, match=r"checkpoint = .*holds no ema\.pt; give a folder in"):
        load_translator(open_run(run), device=CPU, checkpoint=run.path)
    ema = run.checkpoints / "00001200" / "ema.pt"
    ema.write_bytes(ema.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=r"no complete checkpoint is left:\n.*00001200 is damaged: ema\.pt has 1000"):
        load_translator(open_run(run), device=CPU)
    (run.checkpoints / "00001200").rename(run.checkpoints / "best")
    with pytest.raises(ConfigError, match=r"best.*is not named after its images"):
        load_translator(open_run(run), device=CPU, checkpoint=run.checkpoints / "best")
    with pytest.raises(ConfigError, match="has no complete checkpoint yet"):
        load_translator(open_run(run), device=CPU)
    assert json.loads(run.run_file.read_text())["preset"] == "none"


def test_pairs_of_one_code_are_two_files_each_and_stand_side_by_side(map_dataset: Path, tmp_path: Path, out: Path):
    base = tiny_config(map_dataset)
    method = CoGANConfig(generator=DECODER, discriminator=DISCRIMINATOR, code_size=3)
    config = replace(base, method=method, data=replace(base.data, view_a="height"))
    run = write_run(RunDir(tmp_path / "cogan"), config)
    pictures = draw(run, out, num=3)
    names = [*(f"000{n}-a.png" for n in range(3)), *(f"000{n}-b.png" for n in range(3))]
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "grid.png"])
    translator, _ = load_translator(open_run(run), device=CPU)
    with seeded(0, "draw", device=CPU):
        pairs = translator.sample_views(3, None)
    assert [pairs[name].shape[1] for name in "ab"] == [1, 3]  # each of its own view
    grid = np.asarray(Image.open(out / "grid.png"))
    side = pairs["a"].shape[-1]
    assert grid.shape == (2 * side, 2 * 2 * side, 3)
    for place, (a, b) in enumerate(zip(pairs["a"], pairs["b"], strict=True)):
        row, column = (place // 2) * side, (place % 2) * 2 * side
        for offset, image in ((0, a), (side, b)):
            tile = grid[row : row + side, column + offset : column + offset + side]
            assert np.array_equal(tile, np.asarray(to_picture(image).convert("RGB")))
    assert np.array_equal(pictures[1], np.asarray(to_picture(pairs["b"][0])))
