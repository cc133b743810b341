"""`diptych sweep best`: what a sweep found becomes presets, and is judged on the test split."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from launch.commands.sweep import main as sweep_main
from launch.run_options import parse_train
from launch.starting import new_run
from sweeps.best.finals import finals_of, run_finals
from sweeps.cli import plan_sweep
from sweeps.plan import SweepDir
from sweeps.spaces.overrides import apply
from sweeps.trials import full_overrides
from tests.made_sweep import make_sweep, write_sweep
from tests.shrink import shrink
from trainer.config.errors import ConfigError
from trainer.presets import DEFAULT, load_preset
from trainer.runs.preset_file import write_preset_file
from trainer.runs.rundir import RunDir


def test_the_best_is_a_preset_of_the_size_of_its_own(
    tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, sweep, rows = write_sweep(tmp_path / "made", tiny_dataset)
    assert sweep_main(["best", str(folder.path), "--top", "2"]) == 0
    shown = capsys.readouterr().out
    assert f"Trial {rows[0].trial} of the sweep made over {DEFAULT}" in shown
    for row, file in zip(rows, (folder.path / "best.json", folder.path / "best-2.json"), strict=False):
        assert f"diptych train {file}" in shown
        preset, options = parse_train([str(file), "--train.seed", "3"], prog="diptych train")
        wanted = apply(load_preset(DEFAULT), full_overrides(sweep, row.overrides))
        assert replace(options.config, train=wanted.train, data=wanted.data) == wanted
        assert options.config.train.seed == 3
        assert options.config.train.total_kimg == load_preset(DEFAULT).train.total_kimg
        assert new_run(options, preset=preset).path == Path("runs") / f"made-{file.stem}"
    assert not (folder.path / "best-3.json").exists()


def test_a_sweep_without_scores_has_no_best(tiny_dataset: Path, tmp_path: Path) -> None:
    folder = SweepDir(tmp_path / "made")
    folder.create(make_sweep(tiny_dataset))
    with pytest.raises(ConfigError, match="has no trial with a score yet; continue it with --resume"):
        sweep_main(["best", str(folder.path)])
    with pytest.raises(ConfigError, match=r"holds no sweep\.json"):
        sweep_main(["best", str(tmp_path)])


def test_a_preset_that_is_a_file_can_be_swept_again(tiny_dataset: Path, tmp_path: Path) -> None:
    """Its values are the ones that the new sweep begins with, wherever that is continued."""
    config = apply(shrink(load_preset(DEFAULT), dataset=tiny_dataset), {"method.weight_l1": 37.0})
    write_preset_file(tmp_path / "best.json", config, about="mine")
    flags = ["--vary", "method.weight_l1=log:10..100", "--sweeps", str(tmp_path), "--engine.device", "cpu"]
    sweep, folder = plan_sweep([str(tmp_path / "best.json"), *flags])
    assert sweep.preset == str(tmp_path / "best.json")
    assert folder.path.name == f"{tmp_path.name}-best-vary"
    assert sweep.configurations[0] == {"method.weight_l1": 37.0}
    assert sweep.config.samples.period_kimg == sweep.config.train.total_kimg / sweep.num_reports


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not there"),
        ("{", "give a preset's name, or a file with a run's configuration"),
        ('{"format": 4}', "has no configuration"),
        ('{"format": 99, "config": {}}', "later version"),
        ('{"format": 4, "config": {"method": {"name": "nothing"}}}', "method"),
    ],
)
def test_what_is_wrong_with_a_preset_file_is_told(content: str | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_preset(str(file))


@pytest.mark.slow
def test_the_best_and_the_preset_are_trained_with_seeds_and_scored_on_test(
    tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    small = shrink(load_preset(DEFAULT), dataset=tiny_dataset)
    config = replace(small, train=replace(small.train, total_kimg=0.008))
    folder, sweep, rows = write_sweep(tmp_path / "made", tiny_dataset)
    sweep = replace(sweep, config=config, folder=tmp_path)
    best = [replace(rows[0], overrides={"method.weight_l1": 31.0})]
    assert run_finals(folder, sweep, best, seeds=1, num_procs=1) == 0
    for name in ("preset-seed0", f"{rows[0].trial}-seed0"):
        run = RunDir(finals_of(folder) / name)
        assert run.evaluations()["test"]["position"] == 8
        assert (
            f"{run.evaluations()['test']['scores']['eval/psnr']:.2f}" in (finals_of(folder) / "finals.md").read_text()
        )
    assert (
        json.loads((finals_of(folder) / f"{rows[0].trial}-seed0.json").read_text())["config"]["method"]["weight_l1"]
        == 31
    )
    before = (finals_of(folder) / "preset-seed0" / "metrics.jsonl").stat().st_mtime_ns
    assert run_finals(folder, sweep, best, seeds=1, num_procs=1) == 0  # nothing is trained again
    assert (finals_of(folder) / "preset-seed0" / "metrics.jsonl").stat().st_mtime_ns == before
    other = [replace(rows[0], overrides={"method.weight_l1": 32.0})]
    with pytest.raises(ConfigError, match="was begun with other settings: "):
        run_finals(folder, sweep, other, seeds=1, num_procs=1)
