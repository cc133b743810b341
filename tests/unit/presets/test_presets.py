"""Presets as a whole: names, and that the rows of a table differ in one thing."""

import importlib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sweeps.tables.papers import TABLES
from trainer import presets
from trainer.methods.registry import config_class, method_names
from trainer.presets import load_preset, preset_names
from trainer.runs.config import RunConfig

ROOT = Path(__file__).parents[3]


def leaves(section: Any, name: str = "") -> dict[str, Any]:
    """Dotted path -> value of all that is no section."""
    found: dict[str, Any] = {}
    for field in fields(section):
        value, path = getattr(section, field.name), f"{name}{field.name}"
        found |= leaves(value, f"{path}.") if is_dataclass(value) else {path: value}
    return found


def differences(first: RunConfig, second: RunConfig) -> set[str]:
    ours, others = leaves(first), leaves(second)
    return {path for path in ours.keys() | others.keys() if ours.get(path, ...) != others.get(path, ...)}


def rows(table: str) -> dict[str, RunConfig]:
    return {row.preset: load_preset(row.preset) for row in TABLES[table].rows}


def test_a_name_of_two_files_is_an_error(monkeypatch: pytest.MonkeyPatch):
    twin = ModuleType("trainer.presets.earth")
    twin.presets = lambda: {"relief2satellite": None}  # type: ignore[attr-defined]
    real = importlib.import_module

    def import_module(name: str) -> ModuleType:
        return twin if name == "trainer.presets.photos" else real(name)

    monkeypatch.setattr(presets.importlib, "import_module", import_module)
    monkeypatch.setattr(presets, "_modules", presets._modules.__wrapped__)  # not what another test has made it keep
    with pytest.raises(AssertionError, match=r"two files have a preset 'earth-relief2satellite'"):
        preset_names()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_a_table_is_a_preset_of_its_own(table: str):
    configs = rows(table)
    assert len(configs) == len(TABLES[table].rows)
    for name, config in configs.items():
        same = [other for other in configs if configs[other] == config]
        assert same == [name]


@pytest.mark.parametrize(
    ("table", "allowed"),
    [
        ("pix2pix-losses", {"method.weight_gan", "method.weight_l1", "method.conditional"}),
        ("pix2pix-generators", {"method.weight_gan", "method.generator.skips", "method.generator.architecture"}),
        ("pix2pix-patches", {"method.discriminator.num_layers"}),
    ],
)
def test_each_row_differs_in_one_field_from_another(table: str, allowed: set[str]):
    """And by such steps every row can be reached from every other."""
    configs = rows(table)
    reached, waiting, used = set(), [next(iter(configs))], set()
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for other in configs.keys() - reached:
            difference = differences(configs[name], configs[other])
            if len(difference) == 1:
                used |= difference
                waiting.append(other)
    assert reached == configs.keys()
    assert used == allowed


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("pix2pix-losses-l1", {"method.weight_gan": 0}),
        ("pix2pix-losses-gan", {"method.weight_l1": 0, "method.conditional": False}),
        ("pix2pix-losses-cgan", {"method.weight_l1": 0}),
        ("pix2pix-losses-l1-gan", {"method.conditional": False}),
        ("pix2pix-losses-l1-cgan", {}),
        ("pix2pix-generators-encoder-decoder-l1", {"method.weight_gan": 0, "method.generator.skips": "none"}),
        ("pix2pix-generators-encoder-decoder-l1-cgan", {"method.generator.skips": "none"}),
        ("pix2pix-generators-unet-l1", {"method.weight_gan": 0}),
        ("pix2pix-generators-unet-l1-cgan", {}),
        ("pix2pix-generators-unet-add-l1-cgan", {"method.generator.skips": "add"}),
        ("pix2pix-generators-unet-dense-l1-cgan", {"method.generator.skips": "dense"}),
        ("pix2pix-generators-resnet-l1-cgan", {"method.generator.architecture": "resnet"}),
    ],
)
def test_what_a_row_changes_of_the_papers_own_model(preset: str, expected: dict[str, Any]):
    """L1+cGAN with a U-Net."""
    config = load_preset(preset)
    changed = leaves(config)
    assert {path: changed[path] for path in differences(load_preset("pix2pix-losses-l1-cgan"), config)} == expected


def test_receptive_fields_are_those_of_the_names():
    from trainer.networks.patchgan import receptive_field

    for name, config in rows("pix2pix-patches").items():
        assert receptive_field(config.method.discriminator.num_layers) == int(name.rpartition("-")[2])


def test_the_methods_without_pairs_see_the_same_images_as_often():
    configs = rows("unpaired")
    assert len(configs) >= 8
    of_one_method = {"unpaired-cyclegan-resnet": "unpaired-cyclegan", "unpaired-fastcut": "unpaired-cut"}
    assert len({config.method.name for config in configs.values()}) == len(configs) - len(of_one_method)
    assert all(configs[one].method.name == configs[other].method.name for one, other in of_one_method.items())
    first = next(iter(configs.values()))
    for name, config in configs.items():
        others = [path for path in differences(first, config) if path.partition(".")[0] not in ("method", "optimizer")]
        assert set(others) <= {"train.batch_size_per_gpu"}, name


OTHER_BATCHES = dict.fromkeys((f"papers-pix2pix-{name}" for name in ("edges2shoes", "edges2handbags", "night2day")), 4)
"""Images of a batch where the paper says another number than its method's recipe: pix2pix, 6.2."""


@pytest.mark.parametrize("preset", [name for name in preset_names() if name.startswith("papers-")])
def test_what_claims_to_be_the_papers_is_its_recipe(preset: str):
    config = load_preset(preset)
    recipe = config.method.recipe
    assert replace(config.optimizer, players={}) == recipe.optimizer
    batch_size = OTHER_BATCHES.get(preset, recipe.batch_size)
    assert (config.train.batch_size_per_gpu, config.train.ema_half_life_kimg) == (batch_size, 0)


RECIPES = {
    "pix2pix": "adam 0.0002, beta1 0.5, batch 1, constant",
    "dualgan": "rmsprop 5e-05, decay 0.9, batch 1, constant",
    "vaegan": "rmsprop 0.0003, decay 0.9, batch 64, constant",
    "discogan": "adam 0.0002, beta1 0.5, weight decay 0.0001, batch 200, constant",
    "bigan": "adam 0.0002, beta1 0.5, weight decay 2.5e-05, batch 128, exponential",
    "caae": "adam 0.0002, beta1 0.5, batch 100, constant",
    "gan": "adam 0.0002, beta1 0.5, batch 128, constant",
    "vae": "adagrad 0.01, batch 100, constant",
    "cyclegan": "adam 0.0002, beta1 0.5, batch 1, linear",
}
"""As papers have it, or their authors' code where they are silent."""


@pytest.mark.parametrize("method", method_names())
def test_recipes_are_those_of_the_table_and_of_the_papers(method: str):
    recipe = str(config_class(method).recipe)
    assert recipe == RECIPES.get(method, recipe)
    rows = [line for line in (ROOT / "docs" / "methods.md").read_text().splitlines() if line.endswith("|")]
    assert any(recipe in row.split("|")[-2] for row in rows), "docs/methods.md, Recipes"
