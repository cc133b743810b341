"""Settings of a sweep: what fits on a machine, what is kept in sweep.json, which scores exist."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launch.on_ray.plan import Node
from sharding.format.manifest_file import read_manifest
from sweeps.metrics import available_metrics
from sweeps.plan import Sweep, SweepDir
from sweeps.resources import Resources, plan_new, plan_resources
from sweeps.spaces.overrides import apply
from sweeps.trials import full_overrides, in_group, length_note, trial_config
from tests.scores import COLOR_DISTANCE
from trainer.config.data import DataConfig, DegradeConfig
from trainer.config.errors import ConfigError
from trainer.evaluation.scores import SCORES
from trainer.presets import DEFAULT, load_preset


@pytest.fixture
def sweep() -> Sweep:
    return Sweep(
        preset=DEFAULT,
        config=in_group(trial_config(load_preset(DEFAULT)), "test"),
        asked={},
        space="l1-skips",
        metric="eval/psnr",
        num_trials=4,
        num_reports=8,
        reduction_factor=2,
        ranks_per_trial=1,
        resources=Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=2),
        seed=0,
        command=["diptych", "sweep"],
        folder=Path("/somewhere"),
    )


def plan(*, num_cores: int, num_gpus: int = 0, num_machines: int = 1, **settings: Any) -> tuple[int, int, float]:
    """Concurrency, CPUs and GPUs of a rank, on machines that are alike."""
    defaults = {"num_trials": 4, "ranks_per_trial": 1, "cpus_per_rank": 0, "max_concurrent": 0}
    machines = [Node(cpus=num_cores, gpus=num_gpus)] * num_machines
    resources = plan_resources(machines, **defaults | settings)
    return resources.max_concurrent, resources.cpus_per_rank, resources.gpus_per_rank


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"num_cores": 1}, (1, 1, 0)),
        ({"num_cores": 2}, (2, 1, 0)),
        ({"num_cores": 16}, (4, 4, 0)),  # no more trials than asked for: they share the cores
        ({"num_cores": 16, "max_concurrent": 1}, (1, 16, 0)),
        ({"num_cores": 2, "ranks_per_trial": 2}, (1, 1, 0)),
        ({"num_cores": 7, "ranks_per_trial": 3}, (2, 1, 0)),
        ({"num_cores": 16, "cpus_per_rank": 8}, (2, 8, 0)),
        ({"num_cores": 16, "num_gpus": 1}, (1, 16, 1)),
        ({"num_cores": 64, "num_gpus": 8, "ranks_per_trial": 4}, (2, 8, 1)),
        ({"num_cores": 2, "num_gpus": 8}, (2, 1, 1)),  # a rank needs a core too
        ({"num_cores": 16, "num_gpus": 1, "gpus_per_rank": 0.25}, (4, 4, 0.25)),  # four share the GPU
        (
            {"num_cores": 16, "num_gpus": 2, "gpus_per_rank": 0.4, "num_trials": 9},
            (4, 4, 0.4),
        ),  # two each, no 0.2 + 0.2
        ({"num_cores": 16, "num_gpus": 1, "gpus_per_rank": 1 / 3}, (3, 5, 1 / 3)),
        ({"num_cores": 16, "gpus_per_rank": 0.25}, (4, 4, 0)),
        ({"num_cores": 3, "num_machines": 2, "ranks_per_trial": 2}, (2, 1, 0)),  # no trial on two machines
        ({"num_cores": 32, "num_gpus": 4, "num_machines": 2, "ranks_per_trial": 3, "num_trials": 9}, (2, 10, 1)),
    ],
)
def test_as_many_trials_run_at_once_as_fit(settings: dict[str, Any], expected: tuple[int, int, float]) -> None:
    assert plan(**settings) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_cores": 1, "ranks_per_trial": 2}, "ranks_per_trial = 2: a trial would need 2 CPU cores"),
        ({"num_cores": 4, "cpus_per_rank": 5}, "cpus_per_rank = 5: a trial would need 5 CPU cores"),
        ({"num_cores": 64, "num_gpus": 2, "ranks_per_trial": 4}, "ranks_per_trial = 4: one GPU for each rank"),
        ({"num_cores": 2, "num_machines": 4, "ranks_per_trial": 3}, "no machine has that of 8 CPUs on 4 machines"),
        ({"num_cores": 8, "num_gpus": 2, "ranks_per_trial": 2, "gpus_per_rank": 0.5}, "NCCL refuses"),
    ],
)
def test_a_trial_that_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    """Tune would wait for the missing cores for ever."""
    with pytest.raises(ConfigError, match=message):
        plan(**settings)


def test_more_trials_at_once_than_fit_are_refused() -> None:
    settings = {"ranks_per_trial": 2, "cpus_per_rank": 0}
    assert plan_new([Node(cpus=4)], num_trials=2, max_concurrent=4, **settings).max_concurrent == 2
    with pytest.raises(ConfigError, match="max_concurrent = 4: there is room for 2"):
        plan_new([Node(cpus=4)], num_trials=4, max_concurrent=4, **settings)


def test_shared_gpus_are_counted_whole() -> None:
    shared = Resources(cpus_per_rank=1, gpus_per_rank=0.4, max_concurrent=5)
    assert [shared.num_gpus(ranks) for ranks in (1, 2, 3, 5)] == [1, 1, 2, 3]
    assert Resources(cpus_per_rank=1, gpus_per_rank=0, max_concurrent=5).num_gpus(5) == 0


def test_reports_divide_a_trial(sweep: Sweep) -> None:
    assert (sweep.total, sweep.report_period) == (2000, 250)
    short = replace(sweep, config=apply(sweep.config, {"train.total_kimg": 0.004}))
    assert (short.total, short.report_period) == (4, 1)


def test_the_first_trial_is_the_preset_and_the_others_try_every_choice(sweep: Sweep) -> None:
    first, *others = sweep.configurations
    assert first == {"method.weight_l1": 100.0, "method.generator.skips": "concatenate"}
    assert {trial["method.generator.skips"] for trial in others} == {"concatenate", "add", "none"}
    assert len(others) == 3
    outside = replace(sweep, config=apply(sweep.config, {"method.weight_l1": 0.0}))
    assert len(outside.configurations) == 4
    assert first not in outside.configurations


def test_a_sweep_can_be_read_back(sweep: Sweep, tmp_path: Path) -> None:
    folder = SweepDir(tmp_path / "sweep")
    folder.create(sweep)
    assert folder.sweep() == sweep
    folder.run("000").path.mkdir()
    with pytest.raises(ConfigError, match="or continue it with: diptych sweep --resume "):
        folder.create(sweep)


def test_a_folder_that_cannot_be_written_is_named(sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "sweep-runs").write_text("a file")
    with pytest.raises(ConfigError, match=r"sweeps = '.*sweep-runs/test'.*cannot be written: Not a directory"):
        SweepDir(tmp_path / "sweep-runs" / "test").create(sweep)


def test_resuming_what_is_no_sweep_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no sweep\.json"):
        SweepDir(tmp_path).sweep()
    SweepDir(tmp_path).sweep_file.write_text('{"preset": "x", "surprise": 1}')
    with pytest.raises(ConfigError, match="does not fit this version"):
        SweepDir(tmp_path).sweep()


def test_class_scores_exist_only_where_the_target_renders_classes(sweep: Sweep, map_dataset: Path) -> None:
    manifest = read_manifest(map_dataset)
    to_map = replace(sweep.config, data=DataConfig(view_a="photo", view_b="map"))
    to_photo = replace(sweep.config, data=DataConfig(view_a="map", view_b="photo"))
    assert "eval/miou" in available_metrics(to_map, manifest)
    assert available_metrics(to_photo, manifest) == ("eval/psnr", "eval/ssim")


def test_class_scores_exist_where_the_target_is_stored_as_class_numbers(sweep: Sweep, map_dataset: Path) -> None:
    """Networks see them in the classes' colours, and so they are scored."""
    manifest = read_manifest(map_dataset)
    numbers = replace(manifest.views["height"], content="classes", renders_classes=False)
    manifest = replace(manifest, views=manifest.views | {"height": numbers})
    to_numbers = replace(sweep.config, data=DataConfig(view_a="photo", view_b="height"))
    assert "eval/miou" in available_metrics(to_numbers, manifest)


def test_scores_of_pairs_exist_only_where_pairs_are_known(
    sweep: Sweep, map_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = replace(read_manifest(map_dataset), kind="unpaired")
    config = replace(sweep.config, data=DataConfig(view_a="photo", view_b="map"))
    assert available_metrics(config, manifest) == ()
    degraded = replace(config, data=DataConfig(view_a="photo", view_b="photo", degrade=DegradeConfig(kind="noise")))
    assert "eval/psnr" in available_metrics(degraded, manifest)
    monkeypatch.setitem(SCORES, COLOR_DISTANCE.name, COLOR_DISTANCE)
    assert available_metrics(config, manifest) == ("eval/color_distance",)


def test_what_a_trial_found_goes_before_what_the_user_asked_of_all(sweep: Sweep) -> None:
    asked = replace(sweep, asked={"optimizer.lr": 0.001, "method.weight_l1": 10.0})
    assert full_overrides(asked, {"method.weight_l1": 30.0}) == {"optimizer.lr": 0.001, "method.weight_l1": 30.0}


def test_the_full_command_tells_of_a_length_that_is_the_users(sweep: Sweep) -> None:
    assert length_note(sweep) == ""
    assert "--train.total-kimg 0.5 is yours" in length_note(replace(sweep, asked={"train.total_kimg": 0.5}))


def test_a_sweep_of_a_former_version_keeps_what_still_shows(sweep: Sweep, tmp_path: Path) -> None:
    changes = {"optimizer.lr": 0.001, "train.total_kimg": 0.5, "data.flip": False}
    folder = SweepDir(tmp_path / "sweep")
    folder.create(replace(sweep, config=apply(sweep.config, changes)))
    record = json.loads(folder.sweep_file.read_text())
    del record["asked"]
    folder.sweep_file.write_text(json.dumps(record | {"format": 1}))
    assert folder.sweep().asked is None
    assert full_overrides(folder.sweep(), {}) == {"optimizer.lr": 0.001, "data.flip": False}
