"""Every preset can be swept over, up to where Ray would start; what cannot be is refused by name."""

from pathlib import Path
from typing import Any

import pytest

from launch.run_options import parse_train
from sharding.format.manifest import ClassInfo, LabelInfo, Manifest, Shard, View
from sharding.format.manifest_file import write_manifest
from sweeps.cli import SweepOptions, plan_options, plan_sweep
from sweeps.metrics import available_metrics, choose_metric
from sweeps.plan import Sweep, SweepDir
from sweeps.report import full_command
from sweeps.rows import TrialRow
from sweeps.spaces.overrides import apply, flatten
from sweeps.trials import MOST, trial_config
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset, preset_names
from trainer.runs.config import RunConfig, config_to_dict

WITHOUT_SCORES = dict.fromkeys(("glyphs-dcgan", "papers-dcgan-faces"), "judges translations, and") | {
    "photos-object-transfer-fastcut": "compares pairs,"
}
"""Presets of methods that neither translate nor show a wanted label, or translate one way where no truth is known:
nothing judges their images. With why PSNR does not."""

FIRST = dict.fromkeys(("glyphs-caae", "glyphs-cgan", "papers-caae-utkface", "photos-age"), "eval/label_accuracy") | {
    name: "eval/round_trip_psnr"
    for name in preset_names()
    if name.startswith("photos-") and load_preset(name).method.pairing == "unpaired"
}
"""The first score that a preset has, where it is not PSNR."""


def write_described(folder: Path, config: RunConfig, **changes: Any) -> Manifest:
    """A data set that says it has all that a configuration wants; its shards are not read before training."""
    data, is_unpaired = config.data, str(config.data.path) in photo_sets()
    names = {data.view_b} if config.method.pairing == "single" else {data.view_a, data.view_b}
    shards = [
        Shard(path=f"train/{number:06d}.tar", num_samples=8, num_bytes=10240, sha256="0" * 64, index_sha256="0" * 64)
        for number in range(len(names) if is_unpaired else 1)
    ]
    if is_unpaired:
        shards = [replaced(shard, view=name) for shard, name in zip(shards, sorted(names), strict=True)]
    settings = {
        "name": "described",
        "kind": "unpaired" if is_unpaired else "paired",
        "views": {name: View(extension=f"{name}.png", width=256, height=256) for name in names},
        "labels": {data.label: LabelInfo(names=["0", "1"])} if data.label else {},
        "splits": {"train": shards},
    }
    manifest = Manifest(**settings | changes)
    folder.mkdir(parents=True)
    write_manifest(folder, manifest)
    return manifest


def replaced(shard: Shard, **changes: Any) -> Shard:
    return Shard(**vars(shard) | changes)


def photo_sets() -> set[str]:
    """The data sets of users that hold no pairs."""
    configs = [load_preset(name) for name in preset_names() if name.startswith("photos-")]
    return {str(config.data.path) for config in configs if config.method.pairing == "unpaired"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("preset", [name for name in preset_names() if name not in WITHOUT_SCORES])
def test_a_preset_makes_a_sweep(preset: str, here: Path) -> None:
    own = load_preset(preset)
    manifest = write_described(here / str(own.data.path), own)
    sweep, folder = plan_options(preset, SweepOptions(config=trial_config(own)), asked={})
    assert folder.path == here / "sweep-runs" / f"{preset}-{sweep.space}"
    assert sweep.metric == FIRST.get(preset, "eval/psnr")
    assert sweep.metric == available_metrics(sweep.config, manifest)[0]
    assert len(sweep.trials()) == sweep.num_trials
    small, whole = flatten(config_to_dict(sweep.config)), flatten(config_to_dict(own))
    widths = [path for path in small if path.rpartition(".")[2] in MOST]
    assert widths
    assert all(small[path] == min(whole[path], 16) for path in widths)
    assert small["train.total_kimg"] == min(whole["train.total_kimg"], 2)
    folder.create(sweep)
    assert folder.sweep() == sweep


@pytest.mark.parametrize("preset", WITHOUT_SCORES)
def test_what_nothing_judges_is_refused(preset: str, here: Path) -> None:
    own = load_preset(preset)
    write_described(here / str(own.data.path), own)
    with pytest.raises(
        ConfigError, match=rf"^metric = None: no score .* comes of method\.name = '{own.method.name}' on"
    ):
        plan_sweep([preset])
    with pytest.raises(ConfigError, match=f"^metric = 'eval/psnr': {WITHOUT_SCORES[preset]} .*sweep over another"):
        plan_sweep([preset, "--metric", "eval/psnr"])
    assert not (here / "sweep-runs").exists()


@pytest.mark.parametrize(
    ("preset", "metric", "message"),
    [
        ("glyphs-cgan", "eval/psnr", "judges translations, and method.name = 'cgan' makes none; use eval/label_acc"),
        ("glyphs-vae", "eval/label_accuracy", "judges images of a wanted label: data.label = None"),
        ("photos-season", "eval/psnr", "compares pairs, .*; use eval/round_trip_psnr"),
        ("photos-season", "eval/ssim", "compares pairs"),
        ("photos-season", "eval/back_psnr", "compares pairs"),
        ("edges2photo", "eval/round_trip_psnr", "the way from b to a, which method.name = 'pix2pix' does not have"),
        ("edges2photo", "eval/miou", "view 'satellite' shows no classes"),
        (
            "restore-denoise",
            "eval/psnr_y",
            "judges colour images made larger: data.degrade.kind = 'noise'; use",
        ),
        ("glyphs-cgan", "eval/psnr_y", "judges translations"),
        ("edges2photo", "eval/label_accuracy_chance", "there are: eval/psnr"),
    ],
)
def test_a_metric_that_a_preset_never_gives_is_refused(preset: str, metric: str, message: str, here: Path) -> None:
    own = load_preset(preset)
    write_described(here / str(own.data.path), own)
    with pytest.raises(ConfigError, match=f"^metric = '{metric}': .*{message}"):
        plan_sweep([preset, "--metric", metric])


def test_targets_stored_as_class_numbers_are_chosen_by_class_scores(here: Path) -> None:
    own = load_preset(DEFAULT)
    views = {
        own.data.view_a: View(extension="a.png", width=128, height=128),
        own.data.view_b: View(extension="b.png", content="classes", channels=1, width=128, height=128),
    }
    classes = [ClassInfo(name="land", color=(0, 255, 0)), ClassInfo(name="sea", color=(0, 0, 255))]
    manifest = write_described(here / str(own.data.path), own, views=views, classes=classes)
    assert choose_metric("eval/miou", own, manifest) == "eval/miou"
    assert plan_sweep(["--metric", "eval/miou"])[0].metric == "eval/miou"


def test_two_scores_can_decide(here: Path) -> None:
    own = load_preset(DEFAULT)
    write_described(here / str(own.data.path), own)

    def plan(second: str, **changes: Any) -> tuple[Sweep, SweepDir]:
        config = apply(trial_config(own), changes)
        return plan_options(DEFAULT, SweepOptions(config=config, algorithm="random", second_metric=second), asked={})

    sweep, folder = plan("eval/ssim")
    assert list(sweep.objectives) == ["eval/psnr", "eval/ssim"]
    folder.create(sweep)
    assert folder.sweep() == sweep
    with pytest.raises(ConfigError, match=r"^second_metric = 'eval/psnr': is the first one too"):
        plan("eval/psnr")
    with pytest.raises(ConfigError, match=r"^second_metric = 'eval/miou': view .* shows no classes; use eval/psnr"):
        plan("eval/miou")
    distance = "eval/stage_distance/efficientnet-lite0"
    with pytest.raises(ConfigError, match=rf"^second_metric = '{distance}': is found .*evaluate.encoded = 'always'"):
        plan(distance)
    sweep, _ = plan(distance, **{"evaluate.encoded": "always"})
    assert [score.mode for score in sweep.objectives.values()] == ["max", "min"]


ASKED: dict[str, tuple[list[str], dict[str, Any]]] = {
    "nothing": ([], {}),
    "what_sweeps_leave_alone": (["--optimizer.lr", "0.001"], {"optimizer.lr": 0.001}),
    "what_is_made_small": (["--method.generator.num-filters", "24"], {"method.generator.num_filters": 24}),
    "the_number_that_trials_have_anyway": (
        ["--method.generator.num-filters", "16", "--checkpoint.keep", "1"],
        {"method.generator.num_filters": 16, "checkpoint.keep": 1},
    ),
    "the_presets_own_number": (["--method.generator.num-filters", "32"], {}),
    "the_length": (["--train.total-kimg", "0.5"], {"train.total_kimg": 0.5}),
    "two_numbers": (
        ["--data.crop-size", "128", "256", "--data.load-size", "128", "256"],
        {"data.crop_size": [128, 256], "data.load_size": [128, 256]},
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_the_full_command_keeps_what_the_user_set_and_nothing_that_made_trials_small(name: str, here: Path) -> None:
    flags, asked = ASKED[name]
    own = load_preset(DEFAULT)
    write_described(here / str(own.data.path), own)
    sweep, _ = plan_sweep(flags)
    assert sweep.asked == asked
    found = {"method.weight_l1": 30.0}
    row = TrialRow(
        trial="000", state="finished", overrides=found, position=1, score=1, scores={}, num_restarts=0, error=None
    )
    words = full_command(sweep, row).split()
    assert words[:3] == ["diptych", "train", DEFAULT]
    _, options = parse_train(words[2:], prog="diptych train")
    assert options.config == apply(own, asked | found)
