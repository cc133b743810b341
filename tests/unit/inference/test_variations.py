"""`diptych translate --num`: several files for each picture, of methods with a source of variation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from launch.commands.translate import TranslateOptions, main
from tests.tiny_run import tiny_config
from tests.unit.labelled import config_of, pixels, write_run
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, EncoderConfig
from trainer.config.networks import GeneratorConfig
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.vae.config import VAEConfig
from trainer.runs.rundir import RunDir

CODED = {"encoder": EncoderConfig(num_filters=2), "decoder": DecoderConfig(num_filters=2), "code_size": 3}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels(0, 1, seed=3)).save(tmp_path / "in" / "x.png")
    return tmp_path / "in" / "x.png"


def translated(run: RunDir, picture: Path, *flags: str) -> dict[str, np.ndarray]:
    out = picture.parents[1] / "-".join(["out of", run.path.name, *flags])
    assert main([str(run.path), "--in", str(picture), "--out", str(out), "--device", "cpu", *flags]) == 0
    return {path.name: np.asarray(Image.open(path)) for path in sorted(out.glob("[!.]*"))}


def test_reconstructions_of_codes_drawn_for_the_picture(labelled_dataset: Path, picture: Path):
    run = write_run(RunDir(picture.parents[1] / "vae"), config_of(labelled_dataset, VAEConfig(**CODED)))
    made = translated(run, picture, "--num", "3")
    assert list(made) == ["x-1.png", "x-2.png", "x-3.png"]
    assert len({image.tobytes() for image in made.values()}) == 3
    again = translated(run, picture, "--num", "3", "--seed", "0")
    assert all(np.array_equal(image, again[name]) for name, image in made.items())
    assert list(translated(run, picture, "--seed", "7")) == ["x.png"]


def test_alis_encoder_gives_a_distribution_and_bigans_one_code(labelled_dataset: Path, picture: Path):
    section = BiGANConfig(encoder=CODED["encoder"], generator=CODED["decoder"], code_size=3, posterior="gaussian")
    ali = write_run(RunDir(picture.parents[1] / "ali"), config_of(labelled_dataset, section))
    assert len(translated(ali, picture, "--num", "2")) == 2
    fixed = replace(section, posterior="deterministic")
    bigan = write_run(RunDir(picture.parents[1] / "bigan"), config_of(labelled_dataset, fixed))
    with pytest.raises(ConfigError, match=r"num = 2: method\.name = 'bigan' translates a picture in one way"):
        translated(bigan, picture, "--num", "2")


@pytest.mark.parametrize(("switch", "num"), [("auto", 2), ("off", 0)])
def test_dropout_is_a_source_while_it_is_on(map_dataset: Path, picture: Path, switch: str, num: int):
    generator = GeneratorConfig(num_filters=4, num_downs=5)
    config = replace(tiny_config(map_dataset), method=Pix2PixConfig(generator=generator))
    run = write_run(RunDir(picture.parents[1] / "pix2pix"), config)
    if not num:
        with pytest.raises(ConfigError, match="only its dropout could, which is off: give --dropout on"):
            translated(run, picture, "--num", "2", "--dropout", switch)
        return
    made = translated(run, picture, "--num", str(num), "--dropout", switch)
    assert len({image.tobytes() for image in made.values()}) == num


def test_a_method_without_one_says_so_before_it_writes(labelled_dataset: Path, picture: Path):
    run = write_run(RunDir(picture.parents[1] / "plain"), config_of(labelled_dataset, AutoencoderConfig(**CODED)))
    with pytest.raises(ConfigError, match=r"num = 5: method\.name = 'autoencoder'"):
        translated(run, picture, "--num", "5")
    with pytest.raises(ConfigError, match="num = 0: use 1 or more"):
        TranslateOptions(run=run.path, source=picture, destination=picture.parents[1] / "out", num=0)
