"""What pictures show of a label that the method keeps while it changes another."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from launch.commands.translate import main
from launch.own_labels import read_own_labels
from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest
from sharding.reading.reader import ShardReader
from tests.unit.labelled import STRIPES, config_of, pixels, write_run
from trainer.config.errors import ConfigError
from trainer.methods.caae.config import CAAEConfig
from trainer.pictures.files import UnreadablePictureError
from trainer.runs.rundir import RunDir


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory, labelled_dataset: Path) -> RunDir:
    """A run of CAAE that changes the colour and keeps the stripes."""
    run = RunDir(tmp_path_factory.mktemp("runs") / "keeping")
    method = CAAEConfig(num_filters=4, code_size=4, second_label="stripe")
    return write_run(run, config_of(labelled_dataset, method))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture of each kind of stripes."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, stripe in enumerate(STRIPES):
        Image.fromarray(pixels(0, number, seed=3)).save(folder / f"{stripe}_x.png")
    return folder


def translated(run: RunDir, folder: Path, out: Path, *flags: str, status: int = 0) -> dict[str, np.ndarray]:
    given = ["--in", str(folder), "--out", str(out), "--device", "cpu", *flags]
    assert main([str(run.path), *given]) == status
    return {path.name: np.asarray(Image.open(path)) for path in out.glob("[!.]*")}


def test_each_picture_keeps_its_own_as_its_name_tells(keeping: RunDir, folder: Path, tmp_path: Path):
    flags = ("--label", "blue", "--own-labels")
    own = translated(keeping, folder, tmp_path / "own", *flags, "pattern:(?P<stripe>[a-z]+)_x")
    lying = translated(keeping, folder, tmp_path / "lying", *flags, "stripe=lying")
    standing = translated(keeping, folder, tmp_path / "standing", *flags, "stripe=standing")
    for name, image in own.items():
        right, wrong = (lying, standing) if name.startswith("lying") else (standing, lying)
        assert np.array_equal(image, right[name])
        assert not np.array_equal(image, wrong[name])


def test_samples_of_a_data_set_have_theirs(keeping: RunDir, labelled_dataset: Path, tmp_path: Path):
    flags = ("--split", "test", "--label", "blue")
    own = translated(keeping, labelled_dataset, tmp_path / "own", *flags)
    by_stripe = {
        stripe: translated(keeping, labelled_dataset, tmp_path / stripe, *flags, "--own-labels", f"stripe={stripe}")
        for stripe in STRIPES
    }
    manifest = read_manifest(labelled_dataset)
    reader = ShardReader(labelled_dataset, manifest, split="test", views=(), labels=("stripe",))
    seen = set()
    for shard, num in enumerate(reader.shard_sizes):
        for index in range(num):
            stripe = manifest.labels["stripe"].names[reader.labels(shard, index)[0]]
            name = f"{reader.key(shard, index)}.png"
            assert np.array_equal(own[name], by_stripe[stripe][name])
            seen.add(stripe)
    assert len(own) == sum(reader.shard_sizes) and seen == set(STRIPES)
    assert any(not np.array_equal(by_stripe[STRIPES[0]][name], by_stripe[STRIPES[1]][name]) for name in own)


def test_a_picture_of_no_or_unknown_label_is_listed(keeping: RunDir, folder: Path, tmp_path: Path, capsys):
    flags = ("--label", "blue", "--own-labels", "pattern:(?P<stripe>lying)_x")
    assert list(translated(keeping, folder, tmp_path / "out", *flags, status=1)) == ["lying_x.png"]
    assert "standing_x.png has no label: its name does not match" in capsys.readouterr().out
    flags = ("--label", "blue", "--own-labels", "stripe=round")
    out = tmp_path / "none"
    out.mkdir()
    assert translated(keeping, folder, out, *flags, status=1) == {}
    assert "has the own label stripe = 'round'; the run knows: lying, standing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--label", "blue"], r"own_labels = None: .* keeps .* its own stripe \(lying, standing\).*stripe=lying"),
        (["--own-labels", "stripe=lying"], r"own_labels = 'stripe=lying': is of no use: the pictures are translated"),
        (["--label", "blue", "--own-labels", "stripes"], r"own_labels = 'stripes': use NAME=VALUE, csv:FILE"),
    ],
)  # fmt: skip
def test_they_are_asked_for_before_anything_is_loaded(keeping: RunDir, folder: Path, tmp_path: Path, flags, message):
    with pytest.raises(ConfigError, match=message):
        main([str(keeping.path), "--in", str(folder), "--out", str(tmp_path / "out"), *flags])
    assert not (tmp_path / "out").exists()


def test_where_none_is_kept_they_are_of_no_use(labelled_dataset: Path, folder: Path, tmp_path: Path):
    run = write_run(RunDir(tmp_path / "plain"), config_of(labelled_dataset, CAAEConfig(num_filters=4, code_size=4)))
    assert len(translated(run, folder, tmp_path / "out", "--label", "red")) == len(STRIPES)
    with pytest.raises(ConfigError, match="the run's method keeps no label"):
        main([str(run.path), "--in", str(folder), "--out", "x", "--label", "red", "--own-labels", "stripe=lying"])


def test_they_come_from_whatever_labels_come_from(tmp_path: Path):
    table = tmp_path / "labels.csv"
    table.write_text("file,gender\none.png,female\n")
    read = read_own_labels(f"csv:{table}")
    assert read(tmp_path / "one.png") == {"gender": "female"}
    with pytest.raises(UnreadablePictureError, match="has no label: has no row in"):
        read(tmp_path / "two.png")
    assert read_own_labels("utkface")(Path("26_1_2_x.jpg"))["gender"] == "female"
    assert read_own_labels("gender=male,race=other")(table) == {"gender": "male", "race": "other"}
    with pytest.raises(DatasetError, match=r"none\.csv"):
        read_own_labels("csv:none.csv")
