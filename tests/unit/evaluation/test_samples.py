"""Sample grids."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from sharding.errors import DatasetError
from tests.tiny_run import SIDE, subject_of, tiny_config
from tests.unit.data.tiny_shards import write_unpaired_dataset
from trainer.evaluation.samples import SamplePictures, pick_samples
from trainer.inference.translator import load_translator
from trainer.methods.pixel_gan.config import PixelGANConfig
from trainer.pictures.grid import sample_grid
from trainer.pictures.tensors import to_uint8
from trainer.ranks.world import World, lone_world
from trainer.runs.opened import open_run

CPU = torch.device("cpu")


WORLD = lone_world(CPU)


def pictures_of(dataset, *, split="val", world=WORLD):
    return SamplePictures(subject_of(tiny_config(dataset)), num=2, split=split, seed=0, world=world)


def flat(*levels, side=128, channels=3):
    """(N, C, side, side), one grey level (0..255) to each image."""
    return torch.stack([torch.full((channels, side, side), level / 127.5 - 1) for level in levels])


def columns(*images):
    return sample_grid({f"column {place}": column for place, column in enumerate(images)})


def test_rows_are_samples_and_columns_input_translation_target():
    grid = columns(flat(10, 20), flat(110, 120), flat(210, 220))
    # Cells of 128 with gaps of 2, under a header of 20.
    assert grid.size == (3 * 128 + 2 * 2, 20 + 2 * 128 + 2)
    centres = [[grid.getpixel((64 + 130 * x, 84 + 130 * y))[0] for x in range(3)] for y in range(2)]
    assert centres == [[10, 110, 210], [20, 120, 220]]
    assert grid.getpixel((129, 84)) == (255, 255, 255)  # the gap


def test_the_header_holds_text():
    header = columns(flat(0), flat(0), flat(0)).crop((0, 0, 388, 20))
    assert len(header.getcolors()) > 2  # more than paper


def test_wide_titles_go_on_in_further_lines_where_they_may():
    titles = ("one", "a title of many words for a narrow cell", "unbreakable")
    wrapped = sample_grid({title: flat(0) for title in titles}, wrapped=True)
    assert wrapped.size == (388, 20 + 14 + 128)  # of two lines at most
    lines = [wrapped.crop((130, top, 258, top + 14)) for top in (3, 17)]
    assert all(len(line.getcolors()) > 2 for line in lines)
    assert wrapped.crop((0, 0, 128, 14)).getcolors() == [(128 * 14, (255, 255, 255))]  # short ones stand lowest
    assert sample_grid({title: flat(0) for title in titles}).height == 20 + 128


def test_grey_input_stands_beside_coloured_output():
    grid = columns(flat(50, channels=1), flat(60), flat(70))
    assert grid.getpixel((64, 84)) == (50, 50, 50)


@pytest.mark.parametrize(("side", "cell"), [(32, 128), (100, 100), (256, 256), (600, 256)])
def test_cells_are_of_a_size_to_look_at(side, cell):
    assert columns(*[flat(0, side=side)] * 3).width == 3 * cell + 4


@pytest.mark.parametrize(("channels", "shown"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (5, [0, 1, 2])])
def test_of_other_numbers_of_channels_the_first_are_shown(channels, shown):
    image = torch.linspace(-1, 1, 128 * 128 * channels).view(channels, 128, 128)
    grid = np.asarray(sample_grid({"x": image[None]}))[-128:]
    np.testing.assert_array_equal(grid, to_uint8(image[shown]).permute(1, 2, 0).numpy())


def test_the_same_images_and_noise_each_time(tiny_run, map_dataset, tmp_path):
    translator, _ = load_translator(open_run(tiny_run), device=CPU)
    pictures = pictures_of(map_dataset)
    for name in ("first.png", "second.png"):
        pictures.draw(translator, tmp_path / name)
    first, second = (tmp_path / name for name in ("first.png", "second.png"))
    assert first.read_bytes() == second.read_bytes()
    assert Image.open(first).size == (3 * 128 + 4, 20 + 2 * 130 - 2)  # two samples


def test_samples_are_spread_over_the_split(map_dataset):
    pictures = pictures_of(map_dataset)
    assert [sample.keys for sample in pictures._samples] == [("val-0",), ("val-2",)]  # two of four
    assert pictures._samples[0].a.shape == (1, 3, SIDE, SIDE)


def test_of_unpaired_images_each_is_shown_once(tmp_path):
    write_unpaired_dataset(tmp_path / "apart")
    method = PixelGANConfig()
    subject = replace(subject_of(tiny_config(tmp_path / "apart")), method=method)
    samples = pick_samples(subject, num=6, split="test", world=WORLD)
    assert len({sample.keys for sample in samples}) == len(samples) == 3  # of three photos and four maps


def test_only_the_main_rank_draws(map_dataset, tmp_path):
    world = World(rank=1, local_rank=1, size=2, device=CPU)
    pictures = pictures_of(map_dataset, world=world)
    pictures.draw(None, tmp_path / "grid.png")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_split_is_refused(map_dataset):
    with pytest.raises(DatasetError, match="holdout"):
        pictures_of(map_dataset, split="holdout")
