"""Studies of folders and of runs: whole or not at all, and nothing but study.json tells which image is which."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from launch.cli import main
from launch.commands.study import main as study
from tests.tiny_run import SIDE, write_tiny_run
from tests.unit.data.tiny_shards import write_unpaired_dataset
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.networks import PatchGANConfig
from trainer.methods.cut.config import CUTConfig, cut_generator
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir
from trainer.study.answers import TRUTH
from trainer.study.design import IMAGES, INPUT, read_design
from trainer.study.pictures import in_pieces
from trainer.study.plan import plan_session

COLORS = {"real": (200, 0, 0), "one": (0, 200, 0), "two": (0, 0, 200), "input": (90, 90, 90)}
FEW = ["--num-practice", "1", "--num-counted", "4", "--num-checks", "1", "--size", "32"]


def write_pictures(
    folder: Path, color: tuple[int, int, int], *, num: int = 8, size: tuple[int, int] = (40, 20)
) -> None:
    """0.png ..., whose brightness is their number."""
    folder.mkdir()
    for number in range(num):
        picture = Image.new("RGB", size, tuple(min(part + number, 255) for part in color))
        picture.save(folder / f"{number}.png", pnginfo=None)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name, color in COLORS.items():
        write_pictures(tmp_path / name, color)
    return tmp_path


def of(folders: Path, *methods: str) -> list[str]:
    return [word for name in methods for word in ("--method", f"{name}={folders / name}")]


def test_a_study_of_folders_has_all_their_images_under_names_that_tell_nothing(folders: Path) -> None:
    out = folders / "study"
    assert study(["create", str(out), "--real", str(folders / "real"), *of(folders, "one", "two"), *FEW]) == 0
    design = read_design(out)
    assert sorted(design.images) == [str(number) for number in range(8)]
    for name, files in design.images.items():
        assert set(files) == {TRUTH, "one", "two"}
        for who, file in files.items():
            with Image.open(out / IMAGES / file) as picture:
                assert (picture.size, picture.mode, picture.format, picture.info) == ((32, 16), "RGB", "PNG", {})
                expected = COLORS["real" if who == TRUTH else who]
                assert picture.getpixel((0, 0)) == tuple(part + int(name) for part in expected)
    written = {path.name for path in (out / IMAGES).iterdir()}
    assert written == {file for files in design.images.values() for file in files.values()} | {*design.checks.values()}
    assert {path.name for path in out.iterdir()} == {IMAGES, "study.json"}


def test_names_of_images_are_not_in_any_order(folders: Path) -> None:
    """Neither by name nor by number of the file can real and generated ones be told apart."""
    out = folders / "study"
    study(["create", str(out), "--real", str(folders / "real"), *of(folders, "one"), *FEW])
    by_name = sorted((file, who) for files in read_design(out).images.values() for who, file in files.items())
    assert [who for _, who in by_name] not in ([TRUTH] * 8 + ["one"] * 8, ["one"] * 8 + [TRUTH] * 8)


def test_only_inputs_that_all_have_are_shown(folders: Path) -> None:
    (folders / "one" / "3.png").unlink()
    out = folders / "study"
    study(["create", str(out), "--real", str(folders / "real"), *of(folders, "one", "two"), *FEW])
    assert sorted(read_design(out).images) == ["0", "1", "2", "4", "5", "6", "7"]


def test_unpaired_images_keep_to_themselves(folders: Path) -> None:
    (folders / "real" / "0.png").rename(folders / "real" / "another.png")
    out = folders / "study"
    study(["create", str(out), "--real", str(folders / "real"), *of(folders, "one"), "--unpaired", *FEW])
    images = read_design(out).images
    assert {name for name, files in images.items() if TRUTH in files} >= {"real/another", "real/1"}
    assert all(len(files) == 1 for files in images.values())


def test_a_preference_needs_the_input_and_no_real_images(folders: Path) -> None:
    arguments = ["--protocol", "preference", *of(folders, "one", "two"), "--num-counted", "4", "--num-checks", "1"]
    with pytest.raises(ConfigError, match="input"):
        study(["create", str(folders / "study"), *arguments])
    study(["create", str(folders / "study"), *arguments, "--input", str(folders / "input")])
    design = read_design(folders / "study")
    assert all(set(files) == {INPUT, "one", "two"} for files in design.images.values())
    assert set(design.checks) <= set(design.images)


def test_the_translations_of_a_run_stand_beside_its_real_images(tiny_run: RunDir, tmp_path: Path) -> None:
    out = tmp_path / "study"
    few = ["--num-practice", "0", "--num-counted", "2", "--num-checks", "1", "--size", str(SIDE)]
    assert study(["create", str(out), "--method", f"ours={tiny_run.path}", "--device", "cpu", *few]) == 0
    design = read_design(out)
    assert len(design.images) == 3
    for files in design.images.values():
        assert set(files) == {TRUTH, INPUT, "ours"}
        pixels = {who: np.asarray(Image.open(out / IMAGES / file)) for who, file in files.items()}
        assert set(map(tuple, pixels[TRUTH].reshape(-1, 3))) == {(0, 255, 0), (0, 0, 255)}
        assert len(set(map(tuple, pixels[INPUT].reshape(-1, 3)))) > 500


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--method", "one"], "NAME=DIR"),
        (["--method", "truth=one"], "another name"),
        (["--method", "one=one", "--method", "one=two"], "another name"),
        (["--method", "one=nowhere"], "nowhere"),
        (["--method", "one=one", "--num-counted", "9"], "there are 8"),
        (["--method", "one=one", "--num-counted", "0"], "num_counted"),
        (["--method", "one=one", "--protocol", "realness", "--num-practice", "2"], "num_practice"),
        (["--method", "one=one", "--protocol", "preference"], "--against-truth"),
        (["--method", "one=one", "--completion-url", "javascript:alert(1)"], "completion_url"),
        ([], "--method NAME=DIR"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_left(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    monkeypatch.chdir(folders)
    before = sorted(folders.iterdir())
    defaults = [] if "--protocol" in arguments else ["--num-practice", "0"]
    assert main(["study", "create", "study", "--real", "real", *defaults, "--num-checks", "0", *arguments]) == 2
    assert named in capsys.readouterr().err.replace("\n", " ")
    assert sorted(folders.iterdir()) == before


def test_images_of_another_shape_or_that_are_none_are_named_and_nothing_is_left(folders: Path) -> None:
    arguments = ["create", str(folders / "study"), "--real", str(folders / "real"), *of(folders, "one"), *FEW]
    Image.new("RGB", (40, 40)).save(folders / "one" / "5.png")
    with pytest.raises(ConfigError, match=r"5\.png.*40x40"):
        study(arguments)
    (folders / "one" / "5.png").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"5\.png"):
        study(arguments)
    assert not [path for path in folders.iterdir() if "study" in path.name]


def test_a_study_is_not_written_over(folders: Path) -> None:
    (folders / "study").mkdir()
    (folders / "study" / "notes.txt").touch()
    with pytest.raises(ConfigError, match="new folder"):
        study(["create", str(folders / "study"), "--real", str(folders / "real"), *of(folders, "one"), *FEW])


def test_an_image_in_pieces_has_the_same_pixels_elsewhere() -> None:
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(0, 256, (36, 36, 3), dtype=np.uint8))
    torn = in_pieces(picture, seed="a")
    assert sorted(picture.get_flattened_data()) == sorted(torn.get_flattened_data())
    same = np.asarray(picture) == np.asarray(torn)
    assert same.all(axis=2).mean() < 0.1


@pytest.fixture
def unpaired_run(tmp_path: Path) -> RunDir:
    write_unpaired_dataset(tmp_path / "data")
    data = DataConfig(path=tmp_path / "data", view_a="photo", view_b="map", load_size=24, crop_size=24)
    generator, discriminator = replace(cut_generator(), num_filters=4), PatchGANConfig(num_filters=4, num_layers=1)
    run = RunDir(tmp_path / "run")
    write_tiny_run(run, RunConfig(method=CUTConfig(generator=generator, discriminator=discriminator), data=data))
    return run


def test_real_images_of_unpaired_runs_keep_to_themselves_and_inputs_stand_beside_translations(
    unpaired_run: RunDir, tmp_path: Path
) -> None:
    few = ["--num-counted", "2", "--num-checks", "1", "--size", "24", "--device", "cpu"]
    methods = [f"--method={name}={unpaired_run.path}" for name in ("one", "two")]
    study(["create", str(tmp_path / "better"), "--protocol", "preference", *methods, *few])
    design = read_design(tmp_path / "better")
    assert {frozenset(files) for files in design.images.values()} == {frozenset({INPUT, "one", "two"})}
    assert all(len(trial.files) == 3 for trial in plan_session(design, session=0, method=None))
    study(["create", str(tmp_path / "real"), "--protocol", "realness", *methods, *few])
    images = read_design(tmp_path / "real").images
    assert {frozenset(files) for files in images.values()} == {frozenset({TRUTH}), frozenset({INPUT, "one", "two"})}


def test_too_few_images_of_a_run_are_named_before_anything_is_translated(
    tiny_run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has three. No checkpoint is read, which would be said."""
    for practice, least in (("0", "--num-counted 2 or less"), ("2", "fewer trials of each kind")):
        arguments = ["--method", f"ours={tiny_run.path}", "--num-checks", "1", "--num-counted", "9", "--device", "cpu"]
        assert main(["study", "create", str(tmp_path / "study"), *arguments, "--num-practice", practice]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "there are 3" in said
        assert least in said
        assert "checkpoint:" not in said
