"""Dropout and batch statistics of trained networks, each by itself, and neither where there is none to switch."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from launch.commands.translate import main as translate_command
from sharding.console import make_console
from tests.tiny_run import SIDE, tiny_config, write_tiny_run
from tests.unit.labelled import config_of, write_run
from trainer.config.errors import ConfigError
from trainer.config.latent import DecoderConfig, DiscriminatorConfig
from trainer.evaluation.evaluate import evaluate_run
from trainer.inference.draw import draw_pictures
from trainer.inference.modes import require_takers
from trainer.inference.translator import Translator, load_translator
from trainer.inference.usage import Switch, Usage
from trainer.methods.gan.config import GANConfig
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
SILENT = make_console(quiet=True)
IMAGE = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3)) * 2 - 1


def translator_of(run: RunDir, **switches: Switch) -> Translator:
    translator, _ = load_translator(open_run(run), device=CPU, usage=Usage(**switches))
    torch.manual_seed(1)
    for name, buffer in translator.networks.module("generator").named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.01, 0.01)  # of the size that features have with such weights, so that none dies
        elif name.endswith("running_var"):
            buffer.uniform_(1e-5, 1e-4)
    return translator


def test_dropout_draws_by_the_seed_and_is_at_rest_when_off(tiny_run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(tmp_path / "in/a.png")

    def translated(dropout: str, seed: int, name: str) -> bytes:
        options = ["--in", str(tmp_path / "in"), "--out", str(tmp_path / name), "--device", "cpu", "--seed", str(seed)]
        assert translate_command([str(tiny_run.path), *options, "--dropout", dropout]) == 0
        return (tmp_path / name / "a.png").read_bytes()

    assert translated("on", 1, "first") == translated("on", 1, "again") != translated("on", 2, "other")
    assert translated("auto", 1, "auto") == translated("on", 1, "as auto")
    assert translated("off", 1, "off") == translated("off", 2, "off again")


@pytest.mark.parametrize(("dropout", "statistics"), list(product(["on", "off"], repeat=2)))
def test_each_switch_moves_its_own_layers_and_no_statistics(
    tiny_run: RunDir, dropout: Switch, statistics: Switch
) -> None:
    translator = translator_of(tiny_run, dropout=dropout, batch_statistics=statistics)
    network = translator.networks.module("generator")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seen: list[Any] = []
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(lambda layer, inputs, output: seen.append((layer, inputs[0], output)))
    first, second = translator.translate(IMAGE), translator.translate(IMAGE)
    assert torch.equal(first, second) == (dropout == "off")
    assert len(seen) == 14
    for layer, taken, given in seen:
        if statistics == "on":
            mean, variance = taken.mean(dim=(0, 2, 3)), taken.var(dim=(0, 2, 3), unbiased=False)
        else:
            mean, variance = layer.running_mean, layer.running_var
        mean, variance, scale, shift = (
            values[None, :, None, None] for values in (mean, variance, layer.weight, layer.bias)
        )
        torch.testing.assert_close(given, (taken - mean) / (variance + layer.eps).sqrt() * scale + shift)
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_pictures_on_the_way_leave_statistics_alone(tiny_run: RunDir) -> None:
    translator = translator_of(tiny_run)
    before = {name: value.clone() for name, value in translator.networks.module("generator").state_dict().items()}
    translator.translate(IMAGE)
    after = translator.networks.module("generator").state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("field", ["dropout", "batch_statistics"])
@pytest.mark.parametrize("value", ["on", "off"])
def test_what_no_network_has_is_refused(tmp_path: Path, map_dataset: Path, field: str, value: Switch) -> None:
    config = tiny_config(map_dataset)
    generator = replace(config.method.generator, norm="instance", dropout=0.0)  # type: ignore[attr-defined]
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, replace(config, method=replace(config.method, generator=generator)))  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=rf"{field} = {value!r}.*generator, method.name = 'pix2pix'.*use auto"):
        load_translator(open_run(run), device=CPU, usage=Usage(**{field: value}))  # type: ignore[arg-type]


def test_dropout_that_drops_nothing_is_none() -> None:
    network = {"generator": nn.Sequential(nn.Dropout(0.0))}
    with pytest.raises(ConfigError, match="have no dropout"):
        require_takers(network, Usage(dropout="on"), method="pix2pix")
    require_takers({"generator": nn.Sequential(nn.Dropout(0.1))}, Usage(dropout="on"), method="pix2pix")


def test_scores_of_another_usage_leave_those_of_the_run(tiny_run: RunDir) -> None:
    usual = evaluate_run(open_run(tiny_run), device=CPU, console=SILENT, usage=Usage(dropout="on"))
    picture = tiny_run.evaluation_picture.read_bytes()
    other = evaluate_run(
        open_run(tiny_run), device=CPU, console=SILENT, usage=Usage(dropout="off", batch_statistics="off")
    )
    found = tiny_run.evaluations()
    assert {name: entry["scores"] for name, entry in found.items()} == {
        "test": usual,
        "test, dropout off, batch statistics off": other,
    }
    assert usual["eval/psnr"] != other["eval/psnr"]
    assert tiny_run.evaluation_picture.read_bytes() == picture
    assert (tiny_run.path / "evaluation-00001200-dropout-off-batch-statistics-off.png").is_file()


def test_drawn_pictures_take_statistics_of_each_other(tmp_path: Path, labelled_dataset: Path) -> None:
    method = GANConfig(generator=DecoderConfig(num_filters=2), discriminator=DiscriminatorConfig(num_filters=2))
    run = write_run(RunDir(tmp_path / "run"), config_of(labelled_dataset, method))

    def first_of(num: int, statistics: Switch) -> np.ndarray:
        files = draw_pictures(
            open_run(run),
            destination=tmp_path / f"{num} {statistics}",
            num=num,
            label=None,
            between=None,
            seed=0,
            device=CPU,
            usage=Usage(batch_statistics=statistics),
        )
        return np.asarray(Image.open(files[0]))

    at_rest = first_of(2, "off")
    assert np.array_equal(first_of(2, "auto"), at_rest)
    assert not np.array_equal(first_of(2, "on"), at_rest)
