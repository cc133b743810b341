"""Runs of former versions are still resumed, scored and translated with, and go on as they would have gone on then.

`tests/former/DATE.tar.xz` holds what the version of that day wrote: a data set of 12 drawn pairs, and a run on it after
40 of 80 images. Its metrics.jsonl and evaluation.json are those of that version, to the end.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from launch.cli import main
from sweeps.plan import SweepDir
from tests.pairs import write_pairs
from trainer.monitoring.metrics_file import read_metrics
from trainer.runs.rundir import RunDir

ROOT = Path(__file__).parents[2]
DATES = sorted(path.name.removesuffix(".tar.xz") for path in (ROOT / "tests" / "former").glob("*.tar.xz"))
HALF, END = 40, 80
NEARLY = 1e-3  # processors differ in the last digits


@pytest.fixture(params=DATES)
def former(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """A run of a former version; its data set lies beside it."""
    with tarfile.open(ROOT / "tests" / "former" / f"{request.param}.tar.xz") as archive:
        # Pythons before 3.11.4 know no filters; later ones want one named.
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    monkeypatch.chdir(tmp_path)
    return RunDir(Path("run"))


def losses(run: RunDir) -> dict[str, float]:
    """Those of the second half, by position and name."""
    return {
        f"{line['position']} {name}": value
        for line in read_metrics(run.metrics_file)
        for name, value in line.items()
        if line["position"] > HALF and name.startswith("loss/")
    }


def scores_of(run: RunDir) -> dict[str, float]:
    """Those that mean what they meant: SSIM took mirrored borders in until 28 November 2026."""
    scores = run.evaluations()["test"]["scores"]
    kept = {name: value for name, value in scores.items() if not name.endswith("/ssim")}
    assert kept
    return kept


def test_there_are_runs_of_former_versions():
    assert len(DATES) >= 2


def test_a_former_run_is_resumed_to_its_end(former: RunDir):
    expected, scores = losses(former), scores_of(former)
    former.evaluation_file.unlink()
    former.samples.rmdir()  # as where a run was copied by what knows no empty folders
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli", "train", "--resume", str(former.path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert former.is_finished("test")
    assert (former.checkpoints / f"{END:08d}").is_dir()
    assert len(expected) >= 20
    assert losses(former) == pytest.approx(expected, rel=NEARLY)
    assert scores_of(former) == pytest.approx(scores, rel=NEARLY)


def test_a_former_run_is_scored_and_translates(former: RunDir, tmp_path: Path):
    assert former.evaluations()["test"]["position"] == END
    assert main(["evaluate", "run", "--device", "cpu"]) == 0
    assert former.evaluations()["test"]["position"] == END
    assert former.evaluations()[f"test after {HALF} images"]["position"] == HALF
    write_pairs(tmp_path / "pictures", num_pairs=2, size=32)
    assert main(["translate", "run", "--in", "pictures", "--out", "translated", "--device", "cpu"]) == 0
    assert len(list((tmp_path / "translated").glob("*.png"))) == 2
    assert main(["verify", "run"]) == 0


def test_a_former_sweep_is_read(former: RunDir):
    folder = SweepDir(former.path.with_name("sweep"))
    if folder.path.exists():
        sweep = folder.sweep()
        assert (sweep.config.train.total_kimg, sweep.config.method.name) == (2.0, "pix2pix")
