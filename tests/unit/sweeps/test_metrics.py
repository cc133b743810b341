"""Each score of the catalogue: sweeps take it where data and method give it, in its direction; elsewhere none do."""

from dataclasses import replace
from pathlib import Path

import pytest

from sharding.format.manifest import ClassInfo, Manifest, View
from sweeps.metrics import choose_metric
from sweeps.plan import SweepDir
from sweeps.records import Record
from sweeps.rows import rows_on_record, winners
from sweeps.tune.run import tune_config
from tests.made_sweep import make_sweep
from tests.unit.sweeps.test_every_preset import replaced, write_described
from trainer.config.errors import ConfigError
from trainer.evaluation.score import Need, Score
from trainer.evaluation.scores import objectives
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import RunConfig

ENOUGH = 500
"""Images in the watched split: no score needs more."""

GIVES: dict[str, set[Need]] = {
    DEFAULT: {"pairs", "sets", "medium"},
    "classes": {"pairs", "sets", "medium", "classes"},
    "large": {"pairs", "sets", "medium", "large"},
    "restore-superres-x2": {"pairs", "sets", "medium", "enlarged"},
    "unpaired-cyclegan": {"pairs", "sets", "medium", "way back"},
    "photos-season": {"sets", "way back"},
    "glyphs-cgan": {"labels", "drawn"},
    "glyphs-dcgan": {"drawn"},
}
"""What a preset has for scores, as its paper says: pairs to compare with, a way back, labels that it is told, ..."""


@pytest.fixture(scope="module", params=GIVES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, RunConfig, Manifest]:
    """A name of `GIVES`, and a configuration and the data that it stands for."""
    name = request.param
    config = load_preset(name if name not in ("classes", "large") else DEFAULT)
    if name == "large":
        config = replace(config, data=replace(config.data, load_size=256, crop_size=256))
    changes = {}
    if name == "classes":
        numbers = View(extension="b.png", content="classes", channels=1, width=128, height=128)
        changes["views"] = {
            config.data.view_a: View(extension="a.png", width=128, height=128),
            config.data.view_b: numbers,
        }
        changes["classes"] = [ClassInfo(name="sea", color=(0, 0, 255)), ClassInfo(name="land", color=(0, 255, 0))]
    folder = tmp_path_factory.mktemp("described") / "set"
    manifest = write_described(folder, config, **changes)
    shards = [replaced(shard, num_samples=ENOUGH) for shard in manifest.splits["train"]]
    val = [replaced(shard, path=shard.path.replace("train", "val")) for shard in shards]
    return name, config, replace(manifest, splits={"train": shards, "val": val})


def is_given(score: Score, name: str) -> bool:
    return score.needs <= GIVES[name]


def test_what_a_preset_gives_is_taken_and_what_it_does_not_is_refused_by_name(
    case: tuple[str, RunConfig, Manifest], tmp_path: Path
) -> None:
    name, config, manifest = case
    weights = tmp_path / "weights.pth"
    weights.touch()
    for key, score in objectives().items():
        if score.encoder:
            own = None if score.encoder in ("efficientnet-lite0", "mobilenet_v2") else weights
            evaluate = replace(config.evaluate, encoder=score.encoder, encoder_weights=own, encoded="always")
            config = replace(config, evaluate=evaluate)
        if is_given(score, name):
            assert choose_metric(key, config, manifest) == key
        else:
            with pytest.raises(ConfigError, match=rf"^metric = '{key}': (?!there are)\S"):
                choose_metric(key, config, manifest)


def test_every_score_is_tried_above() -> None:
    """But those of judges, which `diptych evaluate` alone asks."""
    never = {key for key, score in objectives().items() if not any(is_given(score, name) for name in GIVES)}
    assert never == {key for key, score in objectives().items() if score.needs & {"fcn", "mask"}}


def test_each_score_goes_into_tune_with_its_direction_and_picks_the_better_trial(
    tiny_dataset: Path, tmp_path: Path
) -> None:
    sweep = make_sweep(tiny_dataset, algorithm="random")
    for key in objectives():
        asked = replace(sweep, metric=key)
        less_is_better = key.split("/")[1].removeprefix("drawn_") in ("fd", "kid", "stage_distance", "lpips", "dists")
        tuned = tune_config(SweepDir(tmp_path), asked, {})
        assert (tuned.metric, tuned.mode) == (key, "min" if less_is_better else "max")
        records = {
            name: Record(state="finished", position=sweep.total, scores={key: score, "eval/other": -score})
            for name, score in (("000", 0.25), ("001", 0.5), ("002", 0.375))
        }
        assert [row.trial for row in winners(rows_on_record(records, asked), asked)] == [("001", "000")[less_is_better]]
