"""What is exported gives, in simpler operations, what the trained networks give of each picture by itself."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.shrink import shrink_section
from tests.tiny_run import POSITION, SIDE, tiny_config
from tests.unit.labelled import config_of, write_run
from trainer.config.errors import ConfigError
from trainer.config.networks import GeneratorConfig
from trainer.exports.check import MOST_DIFFERENCE, compare, make_trial, sizes_to_try
from trainer.exports.norms import PictureNorm, simplify
from trainer.exports.plain import load_plain
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.gan.config import GANConfig
from trainer.networks.generator import build_generator
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


@pytest.mark.parametrize("architecture", ["unet", "resnet"])
@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
def test_simple_operations_give_the_same(architecture, norm):
    """Of four pictures side by side what the network makes of each alone; batch norms take a picture's statistics."""
    spectral, blurred = norm == "none", "blurred" if norm == "instance" else "strided"
    config = GeneratorConfig(
        architecture=architecture, num_filters=4, num_downs=3, num_blocks=1, norm=norm, downsampling=blurred
    )
    torch.manual_seed(0)
    network = build_generator(replace(config, spectral_norm=spectral), in_channels=3, out_channels=2).eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.train()
    images = torch.rand(4, 3, 24, 40) * 2 - 1
    with torch.no_grad():
        expected = torch.cat([network(image[None]) for image in images])
        simplify(network)
        assert (network(images) - expected).abs().max() < 1e-5
    kinds = {type(layer) for layer in network.modules()}
    assert not kinds & {nn.InstanceNorm2d, nn.BatchNorm2d, nn.utils.parametrize.ParametrizationList}
    assert (PictureNorm in kinds) == (norm in ("batch", "instance"))


def test_a_run_becomes_one_module(tiny_run: RunDir):
    opened = open_run(tiny_run)
    plain, position = load_plain(opened)
    assert position == POSITION
    assert (plain.inputs.stride, plain.inputs.smallest, plain.inputs.trained_side) == (32, 32, (SIDE, SIDE))
    assert sizes_to_try(plain.inputs) == [(32, 32), (32, 64)]
    trial = make_trial(plain, opened)
    assert trial.told == "3 pictures of view photo, split test"
    shapes = [tuple(case.inputs[0].shape) for case in trial.cases]
    assert shapes == [(1, 3, 32, 32), (4, 3, 32, 32), (1, 3, 32, 64), (4, 3, 32, 64)]
    image = trial.cases[0].inputs[0]
    assert 0 <= image.min() < 20
    assert 235 < image.max() <= 255
    assert compare(plain.simplified(), trial, kind="torch").most < 1e-5


def test_dropout_is_off(tiny_run: RunDir):
    """It is on when the run is translated with: pix2pix's noise."""
    plain, _ = load_plain(open_run(tiny_run))
    (given,) = plain.example(batch=1, height=32, width=32)
    assert torch.equal(plain(given), plain(given))


def test_a_file_that_differs_is_refused_with_the_difference(tiny_run: RunDir):
    opened = open_run(tiny_run)
    plain, _ = load_plain(opened)
    trial, simple = make_trial(plain, opened), plain.simplified()
    assert compare(lambda image: simple(image) + 0.4 * 255 * MOST_DIFFERENCE, trial, kind="onnx").most > 5e-4
    for wrong in (lambda image: simple(image) + 1, lambda image: simple(image) * torch.nan):
        with pytest.raises(ConfigError, match=r"differs from the trained networks by (3\.92e-03|nan)"):
            compare(wrong, trial, kind="onnx")
    with pytest.raises(ConfigError, match=r"gives \(1, 3, 32, 16\) for \(1, 3, 32, 32\)"):
        compare(lambda image: simple(image)[..., ::2], trial, kind="onnx")


def test_without_its_data_a_run_is_tried_on_noise(tiny_run: RunDir, tmp_path: Path):
    opened = open_run(tiny_run)
    data = replace(opened.subject.data, path=tmp_path / "gone")
    gone = replace(opened, subject=replace(opened.subject, data=data))
    plain, _ = load_plain(gone)
    assert make_trial(plain, gone).told == "noise, because the data set was not there"


def test_a_label_is_a_second_input(labelled_dataset: Path, tmp_path: Path):
    config = config_of(labelled_dataset, CAAEConfig(num_filters=4))
    opened = open_run(write_run(RunDir(tmp_path / "run"), config))
    plain, _ = load_plain(opened)
    assert plain.inputs.labels == ("red", "green", "blue")
    trial = make_trial(plain, opened)
    image, label = trial.cases[1].inputs
    assert (image.shape[2:], label.tolist()) == ((16, 16), [0, 1, 2, 0])
    assert compare(plain.simplified(), trial, kind="onnx").most < 1e-5


@pytest.mark.parametrize(
    ("method", "said"),
    [(CoGANConfig(), "searches for each translation by chance"), (GANConfig(), "translates no pictures")],
)
def test_what_is_no_pass_through_a_network_is_refused_by_name(method, said, map_dataset, tmp_path):
    config = replace(tiny_config(map_dataset), method=shrink_section(method))
    run = write_run(RunDir(tmp_path / "run"), config)
    with pytest.raises(ConfigError, match=said):
        load_plain(open_run(run))
