"""`diptych table` on data of one's own: any pairs; labels -> photo, judged by an FCN; photo -> labels."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import sweeps.tables.run
from sweeps.tables.papers import TABLES
from sweeps.tables.run import table_command
from tests.unit.data.tiny_shards import write_unpaired_dataset
from tests.unit.evaluation.judges.scenes import write_scenes
from trainer.config.errors import ConfigError
from trainer.evaluation.judges.fcn_data import open_scenes
from trainer.evaluation.judges.fcn_training import FcnTraining, train_fcn
from trainer.ranks.world import lone_world
from trainer.runs.rundir import RunDir

LOSSES, PAIRS = "cityscapes-losses", "pix2pix-losses"
TWO = ["--data.path", "scenes", "--data.view-a", "photo"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path / "scenes")
    return Path("scenes")


@pytest.fixture
def fcn(data: Path) -> Path:
    options = FcnTraining(network="small", total_kimg=0.008, batch_size=4, lr=3e-3, seed=0, weights=None)
    scenes = open_scenes(data, photo=None, labels="numbers", size=None)
    train_fcn(scenes, options, out=Path("f.fcn"), world=lone_world(torch.device("cpu")), tell=lambda done, total: None)
    return Path("f.fcn")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Of processes that would be started."""
    found: list[list[str]] = []
    monkeypatch.setattr(sweeps.tables.run, "run_to_end", lambda command: found.append(command) or 1)
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([LOSSES], "data.path = None: cityscapes-losses is trained on data of your own"),
        ([LOSSES, "--data.path", "scenes"], "fcn = None: cityscapes-losses scores photos by one"),
        ([LOSSES, "--data.path", "scenes", "--fcn", "none.fcn"], "none.fcn.*no such file"),
        ([LOSSES, "--data.path", "scenes", "--fcn", "scenes/dataset.json"], "holds no segmentation network"),
        ([LOSSES, "--data.path", "scenes", "--view-photo", "phot"], "view_photo = 'phot': scenes has the views photo"),
        (["facades-labels", "--data.path", "scenes", "--fcn", "f"], "fcn = 'f': is nothing that the table"),
        ([PAIRS, "--data.path", "scenes"], "data.view_a = None: scenes has the views .*; name the one that is meant"),
        ([PAIRS, "--data.path", "scenes", "--data.view-a", "phot"], "data.view_a = 'phot': scenes has the views photo"),
        ([PAIRS, *TWO, "--data.view-b", "photo"], "data.view_b = 'photo': is data.view_a, too"),
        ([PAIRS, *TWO, "--view-photo", "photo"], "view_photo = 'photo': is nothing .* --data.view-a and --data.view-b"),
        ([PAIRS, "--size", "64"], "size = '64': is of data of your own: give --data.path"),
        ([PAIRS, "--data.view-a", "photo"], "data.view_a = 'photo': is of data of your own"),
        ([PAIRS, *TWO, "--fcn", "f"], "fcn = 'f': is nothing that the table"),
        ([PAIRS, *TWO, "--data.view-b", "colors", "--size", "40"], "crop_size = 40: must be a multiple"),
        ([LOSSES, *TWO], "data.view_a = 'photo': is nothing .* --view-photo and --view-labels"),
        ([LOSSES, "--data.path", "scenes", "--fcn", "none.fcn", "--size", "40"], "crop_size = 40: must be a multiple"),
    ],
)
def test_a_mistake_is_answered_before_any_training(
    data: Path, commands: list[list[str]], arguments: list[str], message: str
):
    with pytest.raises(ConfigError, match=message):
        table_command(arguments)
    assert commands == []
    assert not Path("runs").exists()


def test_views_without_labels_are_answered(tmp_path: Path, commands: list[list[str]]):
    write_scenes(tmp_path / "photos", names=("photo",))
    with pytest.raises(ConfigError, match=r"view_labels = None: .* has the views photo, of which 0 fit"):
        table_command(["facades-labels", "--data.path", str(tmp_path / "photos")])
    assert commands == []


def test_all_rows_get_the_same_data_and_size(data: Path, fcn: Path, commands: list[list[str]]):
    assert table_command([LOSSES, "--data.path", "scenes", "--fcn", "f.fcn", "--size", "64"]) == 1
    assert len(commands) == len(TABLES[LOSSES].rows)
    for command in commands:
        given = command[command.index("--data.path") : command.index("--num-procs")]
        assert given == [
            *("--data.path", "scenes", "--data.view-a", "colors", "--data.view-b", "photo"),
            *("--evaluate.period-kimg", "0"),
            *("--data.load-size", "64", "--data.crop-size", "64"),
        ]


def test_pairs_of_any_two_views_are_learnt_by_all_rows_in_a_folder_of_their_own(data: Path, commands: list[list[str]]):
    write_scenes(Path("evenings"), names=("photo", "evening"))
    assert table_command([PAIRS, "--data.path", "evenings", "--kimg", "0.1"]) == 1
    assert len(commands) == len(TABLES[PAIRS].rows)
    for command in commands:
        assert command[command.index("--runs") + 1] == "runs/pix2pix-losses-evenings"
        assert command[command.index("--data.path") : command.index("--num-procs")] == [
            *("--data.path", "evenings", "--data.view-a", "photo", "--data.view-b", "evening"),
            *("--evaluate.period-kimg", "0", "--evaluate.encoded", "end", "--train.total-kimg", "0.1"),
        ]
    commands.clear()
    assert table_command([PAIRS, "--data.path", "evenings", "--data.view-b", "photo", "--rows", "L1"]) == 1
    (command,) = commands
    assert command[command.index("--data.view-a") + 1] == "evening"


def test_targets_that_show_classes_are_read_and_others_compared(data: Path, capsys: pytest.CaptureFixture[str]):
    assert table_command(["unpaired", *TWO, "--data.view-b", "colors", "--show"]) == 0
    assert "here: class IoU" in plain(capsys.readouterr().out)
    write_scenes(Path("evenings"), names=("photo", "evening"))
    assert table_command(["unpaired", "--data.path", "evenings", "--show"]) == 0
    said = plain(capsys.readouterr().out)
    assert "here: class IoU" not in said
    assert "here: kernel distance" in said
    assert "here: distance of stages" in said
    assert "here: PSNR, b to a" in said


def plain(said: str) -> str:
    """The cells of a table's header in one line each."""
    rows = [line.split("┃") for line in said.splitlines() if line.startswith("┃")]
    return "\n".join(" ".join(" ".join(cells).split()) for cells in zip(*rows, strict=True))


def test_images_without_known_pairs_are_for_rows_that_need_none(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    write_unpaired_dataset(tmp_path / "apart")
    for name in ("facades-labels", PAIRS):
        with pytest.raises(ConfigError, match=rf"data.path = 'apart': its images are of no pairs, of which {name}"):
            table_command([name, "--data.path", "apart"])
    assert commands == []
    assert table_command(["unpaired", "--data.path", "apart"]) == 1
    trained = [command[command.index("--name") + 1] for command in commands]
    assert trained == [row.preset for row in TABLES["unpaired"].rows if row.preset != "unpaired-pix2pix"]
    said = plain(capsys.readouterr().out)
    assert "here: Fréchet distance" in said
    assert "here: SSIM" not in said


def test_the_rows_without_a_pixel_loss_have_none(data: Path, commands: list[list[str]]):
    assert table_command(["facades-labels", "--data.path", "scenes"]) == 1
    assert [command[-4:-2] for command in commands][2] == ["--method.weight-pixel", "0"]
    assert commands[0][commands[0].index("--data.view-a") + 1] == "photo"


@pytest.mark.slow
def test_a_row_is_trained_judged_and_shown_below_its_ceiling(
    data: Path, fcn: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    table = TABLES[LOSSES]
    monkeypatch.setitem(TABLES, LOSSES, replace(table, rows=table.rows[:1]))
    arguments = [LOSSES, "--data.path", "scenes", "--fcn", "f.fcn", "--size", "64", "--kimg", "0.004"]
    assert table_command(arguments) == 0
    folder = Path("runs", f"{LOSSES}-scenes")
    lines = (folder / "table.md").read_text().splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("| L1 | 0.44 | 0.14 | 0.10 | 0."))
    row, mean, identity, truth = lines[start : start + 4]
    assert row.endswith(" s |")
    assert mean.startswith("| mean image | - | - | - | 0.")
    assert identity.startswith("| identity | - | - | - | 0.")
    assert truth.startswith("| Ground truth | 0.80 | 0.26 | 0.21 | 0.")
    run = RunDir(folder / table.rows[0].preset)
    scores = run.evaluations()["test"]["scores"]
    assert f"| {scores['baseline/real/fcn_pixel_accuracy']:.2f} |" in truth
    told = [line.partition(":")[0] for line in lines[start + 4 :] if line]
    assert told[0] == "Ours"
    assert told[-2] == "FCN scores"
    assert told[-1].endswith("](table.png)")
    # Two images of 64 pixels, twice as large, in three columns under a line of titles.
    assert Image.open(folder / "table.png").size == (3 * 130 - 2, 20 + 2 * 130 - 2)
    monkeypatch.setattr(sweeps.tables.run, "run_to_end", lambda command: pytest.fail("nothing is left to do"))
    assert table_command(arguments) == 0


@pytest.mark.slow
def test_a_row_on_pairs_without_classes_is_compared_with_its_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write_scenes(Path("evenings"), names=("photo", "evening"))
    monkeypatch.setitem(TABLES, PAIRS, replace(TABLES[PAIRS], rows=TABLES[PAIRS].rows[:1]))
    assert table_command([PAIRS, "--data.path", "evenings", "--size", "64", "--kimg", "0.004"]) == 0
    folder = Path("runs", f"{PAIRS}-evenings")
    lines = (folder / "table.md").read_text().replace("\\", "").splitlines()
    header, _, row, mean, identity = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    assert header[-3].startswith("here: distance of stages")
    scores = RunDir(folder / TABLES[PAIRS].rows[0].preset).evaluations()["test"]["scores"]
    key = "stage_distance/efficientnet-lite0"
    assert [each[-4:-2] for each in (row, mean, identity)] == [
        [f"{scores[f'{of}/ssim']:.2f}", f"{scores[f'{of}/{key}']:.4f}"]
        for of in ("eval", "baseline/mean", "baseline/identity")
    ]
    assert row[-2] == "-"  # the kernel distance: 20 images would be needed
    assert any("needs 20 images, and split test has 2: kernel distance" in line for line in lines)
    assert Image.open(folder / "table.png").width == 3 * 130 - 2
