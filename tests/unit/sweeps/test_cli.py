"""`diptych sweep`: what is wrong is told before Ray starts, or any data is made."""

from dataclasses import replace
from pathlib import Path

import pytest

from launch.machine.devices import count_cores, count_gpus
from sharding.format.manifest_file import read_manifest
from sweeps.cli import check_options, parse_sweep, sweep_command
from sweeps.metrics import choose_metric
from sweeps.trials import in_group, trial_config
from tests.loaded import answer_of
from tests.scores import COLOR_DISTANCE
from tests.unit.data.tiny_shards import write_unpaired_dataset
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.evaluation.scores import SCORES
from trainer.presets import load_preset, preset_names


@pytest.mark.parametrize("preset", preset_names())
def test_a_sweep_begins_with_the_preset_made_small(preset: str) -> None:
    assert parse_sweep([preset]).config == trial_config(load_preset(preset))


def test_flags_change_the_sweep_and_what_its_trials_share() -> None:
    options = parse_sweep(["--num-trials", "7", "--train.total-kimg", "0.5", "--optimizer.lr", "1e-3"])
    assert options.num_trials == 7
    assert options.config.train.total_kimg == 0.5
    assert options.config.optimizer.lr == 1e-3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--method.generator.num-downs", "8"], "data.crop_size = 128: must be a multiple of 256"),
        (["--space", "everything"], "space = 'everything': there are"),
        (["--metric", "eval/pnsr"], "metric = 'eval/pnsr': there are: eval/psnr"),
        (["--second-metric", "eval/ssim"], "second_metric = 'eval/ssim': asha stops .* --algorithm random, grid, tpe"),
        (["--algorithm", "tpe", "--second-metric", "eval/sism"], "second_metric = 'eval/sism': there are: eval/psnr"),
        (
            ["--algorithm", "tpe", "--metric", "eval/ssim", "--second-metric", "eval/ssim"],
            "second_metric = 'eval/ssim': is the first one too",
        ),
        (["--engine.device", "cpu", "--ranks-per-trial", "1000"], "ranks_per_trial = 1000: a trial would need"),
        (["--name", "x", "--data.path", "nowhere"], "data.path = 'nowhere': no data set is there"),
        (["--resume", "nowhere"], "holds no sweep.json"),
    ],
)
def test_a_misuse_is_named_and_leaves_nothing(
    flags: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        sweep_command(flags)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num-trials", "0"], "num_trials = 0: use 1 or more"),
        (["--reduction-factor", "1"], "reduction_factor = 1: use 2 or more"),
        (["--max-concurrent", "-1"], "max_concurrent = -1: use 0 or more"),
        (["--num-trails", "3"], "--num-trials"),
    ],
)
def test_the_command_line_explains_an_impossible_value(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse_sweep(flags)
    assert exit_.value.code == 2
    shown = capsys.readouterr()
    assert message in " ".join((shown.out + shown.err).replace("│", "").split())


def test_a_misuse_is_answered_without_loading_what_searches_and_trains(tmp_path: Path) -> None:
    done, heavy = answer_of("sweep", "--ranks-per-trial", str(count_cores() + 1), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ranks_per_trial")
    assert heavy <= {"pynvml"}  # which counts GPUs


def test_a_score_that_the_target_lacks_is_refused(map_dataset: Path) -> None:
    manifest = read_manifest(map_dataset)
    data = DataConfig(path=map_dataset, view_a="map", view_b="photo")
    to_photo = replace(load_preset("earth-relief2satellite"), data=data)
    message = "metric = 'eval/miou': view 'photo' shows no classes; use eval/psnr or eval/ssim"
    with pytest.raises(ConfigError, match=message):
        choose_metric("eval/miou", to_photo, manifest)
    to_map = replace(to_photo, data=replace(data, view_a="photo", view_b="map"))
    assert choose_metric("eval/miou", to_map, manifest) == "eval/miou"
    assert choose_metric(None, to_map, manifest) == "eval/psnr"


def test_a_score_of_pairs_is_refused_where_none_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_unpaired_dataset(tmp_path)
    data = DataConfig(path=tmp_path, view_a="photo", view_b="map")
    config = replace(load_preset("earth-relief2satellite"), data=data)
    with pytest.raises(ConfigError, match=r"'eval/psnr': compares pairs, .*; sweep over another preset or data set"):
        choose_metric("eval/psnr", config, manifest)
    monkeypatch.setitem(SCORES, COLOR_DISTANCE.name, COLOR_DISTANCE)
    with pytest.raises(ConfigError, match=r"'eval/psnr': compares pairs, .*; use eval/color_distance"):
        choose_metric("eval/psnr", config, manifest)
    assert choose_metric("eval/color_distance", config, manifest) == "eval/color_distance"
    assert choose_metric(None, config, manifest) == "eval/color_distance"


def test_runs_of_a_sweep_are_one_group() -> None:
    assert in_group(parse_sweep([]).config, "monday").log.wandb_group == "monday"


def test_trials_have_gpus_where_there_are_any() -> None:
    assert check_options(parse_sweep([])).gpus_per_rank == min(1, count_gpus())


def test_trials_have_no_patience_of_their_own():
    asked = ["--train.patience-kimg", "1", "--checkpoint.keep-best", "eval/psnr", "--evaluate.period-kimg", "1"]
    with pytest.raises(ConfigError, match=r"^train\.patience_kimg = 1.*use 0 \(off\)"):
        check_options(parse_sweep(asked))


def test_trials_serve_no_port():
    with pytest.raises(ConfigError, match=r"^log\.prometheus_port = 9400.*use 0 \(off\)"):
        check_options(parse_sweep(["--log.prometheus-port", "9400"]))
