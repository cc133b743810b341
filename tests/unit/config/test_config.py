"""Configurations: impossible values are named, presets are valid, and files repeat a run."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tyro

from launch.run_options import parse_train
from trainer import config as config_module
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig, DegradeConfig, JitterConfig
from trainer.config.engine import EngineConfig
from trainer.config.errors import ConfigError
from trainer.config.networks import PatchGANConfig
from trainer.config.optimizer import PlayerOptimizerConfig
from trainer.config.train import TrainConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.vae.config import VAEConfig
from trainer.presets import DEFAULT, describe_preset, load_preset, preset_names
from trainer.runs.config import RunConfig, config_from_dict, config_to_dict

BLUR, JITTER = DegradeConfig(kind="blur"), JitterConfig(contrast=0.1)
OWN_MOMENTUM = {"beta1": 0, "players": {"discriminator": {"beta1": 0.2}}}
CLIPPED = {"objective": "wasserstein", "weight_clip": 0.01}


def changed(**sections: dict) -> RunConfig:
    """The default preset with some fields of some sections changed."""
    values = config_to_dict(load_preset(DEFAULT))
    return config_from_dict({name: {**section, **sections.get(name, {})} for name, section in values.items()})


@pytest.mark.parametrize("name", preset_names())
def test_presets_build_and_survive_a_file(name: str):
    config = load_preset(name)
    assert config_from_dict(config_to_dict(config)) == config
    assert "Command: " in describe_preset(name)


def test_the_defaults_are_possible():
    assert config_from_dict({}) == RunConfig()


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        (lambda: changed(data={"load_size": 64, "crop_size": 128}), "data.load_size", 64),
        (lambda: changed(method={"generator": {"num_downs": 1}}), "method.generator.num_downs", 1),
        (lambda: changed(method={"generator": {"dropout": 1.0}}), "method.generator.dropout", 1.0),
        (lambda: changed(method={"generator": {"num_halvings": 5}}), "method.generator.num_halvings", 5),
        (lambda: changed(method={"discriminator": {"num_layers": -1}}), "method.discriminator.num_layers", -1),
        (lambda: changed(method={"adversarial": {"weight_r1": -1.0}}), "method.adversarial.weight_r1", -1.0),
        (
            lambda: changed(method={"adversarial": {"objective": "wasserstein"}}),
            "method.adversarial.objective",
            "wasserstein",
        ),
        (lambda: changed(method={"weight_l1": -1.0}), "method.weight_l1", -1.0),
        (lambda: changed(optimizer={"lr": 0.0}), "optimizer.lr", 0.0),
        (lambda: changed(engine={"precision": "fp16", "device": "cpu"}), "engine.precision", "fp16"),
        (lambda: changed(train={"total_kimg": 0.0}), "train.total_kimg", 0.0),
        (lambda: changed(data={"view_a": "map", "view_b": "map"}), "data.view_b", "map"),
        (lambda: changed(method={"weight_gan": 0, "weight_l1": 0}), "method.weight_l1", 0.0),
        (
            lambda: changed(method={"adversarial": {"weight_r1": 1}}, engine={"zero_stage": 3}),
            "engine.zero_stage",
            3,
        ),
        (
            lambda: changed(method={"adversarial": {"weight_r1": 1}}, engine={"compile": "default"}),
            "engine.compile",
            "default",
        ),
        (lambda: changed(engine={"compile": "default", "zero_stage": 3}), "engine.zero_stage", 3),
        (lambda: changed(engine={"compile": "default", "sync_batch_norm": True}), "engine.sync_batch_norm", True),
        (
            lambda: changed(engine={"compile": "reduce-overhead", "device": "cpu"}),
            "engine.compile",
            "reduce-overhead",
        ),
        (lambda: changed(method={"adversarial": CLIPPED}), "optimizer.beta1", 0.5),
        (lambda: changed(optimizer={"algorithm": "adagrad"}, engine={"zero_stage": 3}), "engine.zero_stage", 3),
        (lambda: changed(method={"adversarial": CLIPPED}, optimizer={"algorithm": "adamw"}), "optimizer.beta1", 0.5),
        (
            lambda: changed(method={"adversarial": CLIPPED}, optimizer=OWN_MOMENTUM),
            "optimizer.players.discriminator.beta1",
            0.2,
        ),
        (
            lambda: changed(optimizer={"players": {"critic": {"lr": 1e-4}}}),
            "optimizer.players.critic",
            PlayerOptimizerConfig(lr=1e-4),
        ),
        (lambda: changed(optimizer={"players": {"generator": {"lr": 0}}}), "optimizer.players.generator.lr", 0.0),
        (
            lambda: changed(method={"adversarial": {"num_generator_steps": 2, "num_discriminator_steps": 3}}),
            "method.adversarial.num_generator_steps",
            2,
        ),
        (lambda: changed(optimizer={"decay_factor": 0}), "optimizer.decay_factor", 0.0),
        (lambda: RunConfig(method=Pix2PixConfig()), "data.crop_size", 128),  # 8 halvings need 256
        (lambda: changed(data={"crop_size": (64, 128), "load_size": 143}), "data.crop_size", (64, 128)),  # 7 need 128
        (lambda: RunConfig(method=VAEConfig(), data=DataConfig(crop_size=(64, 128))), "data.crop_size", (64, 128)),
        (
            lambda: changed(data={"jitter": asdict(JITTER), "degrade": {"kind": "blur"}, "view_a": "satellite"}),
            "data.jitter",
            JITTER,
        ),
        (lambda: config_from_dict({"train": {"sede": 1}}), "train.sede", 1),
        (lambda: config_from_dict({"engine": {"zero_stage": 5}}), "engine.zero_stage", 5),
        (lambda: load_preset("earth-relief2satelite"), "preset", "earth-relief2satelite"),
    ],
)
def test_an_error_names_field_value_and_remedy(make, field: str, value: object):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value).startswith(f"{field} = {value!r}: ")
    assert len(str(caught.value)) > len(f"{field} = {value!r}: ") + 10


def test_players_have_flags_and_an_entry_each():
    """What a run's file does not say of a player is what all have."""
    config = load_preset(DEFAULT)
    assert config.optimizer.players == dict.fromkeys(("discriminator", "generator"), PlayerOptimizerConfig())
    flag = "--optimizer.players.discriminator.lr"
    _, options = parse_train([flag, "1e-5"], prog="train")
    assert options.config == changed(optimizer={"players": {"discriminator": {"lr": 1e-5}}})
    assert options.config.optimizer.of("generator") == replace(config.optimizer, players={})


@pytest.mark.parametrize(
    "optimizer",
    [
        {"beta1": 0},
        {"players": {"discriminator": {"beta1": 0}}},
        {"algorithm": "rmsprop", "beta1": 0.9},
        {"beta1": 0.5, "clipped_momentum": True},
    ],
)
def test_clipped_critics_train_without_momentum_or_as_asked(optimizer: dict):
    changed(method={"adversarial": CLIPPED}, optimizer=optimizer)


def test_rectangles_survive_a_file_and_the_command_line():
    config = changed(data={"crop_size": [128, 256], "load_size": [143, 286], "resize": "cover"})
    assert (config.data.crop_shape, config.data.load_shape) == ((128, 256), (143, 286))
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config
    parsed = tyro.cli(DataConfig, args=["--crop-size", "64", "128", "--load-size", "150", "--jitter.brightness", "0.2"])
    assert (parsed.crop_size, parsed.load_size, parsed.jitter.brightness) == ((64, 128), 150, 0.2)


def test_a_misspelt_preset_gets_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'earth-relief2satellite'"):
        load_preset("earth-relief2satelite")


def test_fp16_needs_a_gpu():
    config = load_preset(DEFAULT)
    half = replace(config, engine=EngineConfig(precision="fp16"))
    half.check_hardware(num_gpus=1)
    with pytest.raises(ConfigError, match="slower than fp32 on the CPU"):
        half.check_hardware(num_gpus=0)


def test_cuda_graphs_need_a_gpu():
    graphs = replace(load_preset(DEFAULT), engine=EngineConfig(compile="reduce-overhead"))
    graphs.check_hardware(num_gpus=1)
    with pytest.raises(ConfigError, match=r"engine\.compile = 'reduce-overhead': .* use default or off"):
        graphs.check_hardware(num_gpus=0)


def test_the_smallest_image_of_a_patchgan_is_just_enough():
    import torch

    from trainer.networks.patchgan import PatchGAN

    for num_layers in (1, 2, 3):
        config = PatchGANConfig(num_filters=2, num_layers=num_layers, norm="none")
        network = PatchGAN(config, in_channels=1)
        assert network(torch.zeros(1, 1, config.smallest_image, config.smallest_image)).numel() == 1
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 1, config.smallest_image - 2**num_layers, config.smallest_image))


def test_config_imports_neither_torch_nor_deepspeed():
    names = "sys, trainer.config, trainer.presets, launch.starting, launch.commands.train"
    program = f"import {names}; print({{'torch', 'deepspeed'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_value_has_a_help_text():
    """The docstring under a field is what `--help` says of it; sections have the docstring of their class."""
    root = Path(config_module.__file__).parents[1]
    sections = [*root.glob("config/*.py"), *root.glob("methods/*/config.py"), root / "runs" / "config.py"]
    trees = [ast.parse(path.read_text()) for path in sections]
    nodes = [node for tree in trees for node in tree.body]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name.endswith("Config")]
    assert len(classes) >= 20
    for node in classes:
        for line, following in pairwise([*node.body, None]):
            kind = ast.unparse(line.annotation) if isinstance(line, ast.AnnAssign) else ""
            if isinstance(line, ast.AnnAssign) and not any(word in kind for word in ("Config", "ClassVar")):
                if ast.unparse(line.target) == "name":  # tells the sections apart, and cannot be changed
                    continue
                explained = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                assert explained, f"{node.name}.{ast.unparse(line.target)}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda: changed(checkpoint={"keep_best": "eval/psnr"}, evaluate={"period_kimg": 0}),
            r"^checkpoint\.keep_best = 'eval/psnr': .*evaluate\.period_kimg",
        ),
        (lambda: changed(train={"patience_kimg": -1}), r"^train\.patience_kimg = -1\.0: .*0 \(off\)"),
        (
            lambda: replace(load_preset(DEFAULT), train=TrainConfig(patience_kimg=2)),
            r"^train\.patience_kimg = 2: .*checkpoint\.keep_best",
        ),
    ],
)
def test_a_best_checkpoint_needs_scores_and_patience_needs_a_score_to_watch(change: Callable[[], Any], message: str):
    with pytest.raises(ConfigError, match=message):
        change()


def test_a_score_can_be_watched():
    best = CheckpointConfig(keep_best="eval/psnr")
    config = replace(load_preset(DEFAULT), train=TrainConfig(patience_kimg=2), checkpoint=best)
    assert config_from_dict(config_to_dict(config)) == config
