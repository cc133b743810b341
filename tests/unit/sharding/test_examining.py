"""What is wrong with a data set is found, and what is not wrong is not."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sharding.cli import main
from sharding.examining.examine import examine
from sharding.examining.found import Found
from sharding.examining.judge import judge
from sharding.work.progress import unheard
from tests.pairs import texture

SIDE = 96
NUM_TRAIN, NUM_TEST = 20, 6


def photo(seed: int) -> np.ndarray:
    """Blobs with rectangles on them, which have sharp edges: (H, W, 3) uint8."""
    random = np.random.default_rng(seed)
    picture = (texture(SIDE, seed=seed) * 255).astype(np.uint8)
    for _ in range(10):
        top, left = random.integers(0, SIDE - 8, 2)
        height, width = random.integers(6, 30, 2)
        picture[top : top + height, left : left + width] = random.integers(0, 256, 3)
    return picture


def drawing(picture: np.ndarray) -> np.ndarray:
    """Grey and dim, with tones inverted."""
    grey = 255 - picture.mean(axis=2, keepdims=True)
    return (grey / 4).astype(np.uint8).repeat(3, axis=2)


def recompressed(picture: np.ndarray, *, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def write_pair(folder: Path, name: str, first: np.ndarray, second: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([first, second], axis=1)).save(folder / name)


@pytest.fixture(scope="module")
def flawed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs in which each thing is wrong once."""
    folder = tmp_path_factory.mktemp("flawed")
    photos = {f"train/{number:02d}.png": photo(number) for number in range(NUM_TRAIN)}
    photos |= {f"test/t{number}.png": photo(100 + number) for number in range(NUM_TEST)}
    photos["test/t3.png"] = recompressed(photos["train/03.png"][:, ::-1], quality=60)
    photos["test/t4.png"] = photos["train/04.png"]
    pairs = {name: (picture, drawing(picture)) for name, picture in photos.items()}
    pairs["train/07.png"] = photos["train/07.png"], np.roll(drawing(photos["train/07.png"]), (5, -3), axis=(0, 1))
    pairs["train/09.png"] = drawing(photos["train/09.png"]), photos["train/09.png"]
    pairs["train/11.png"] = np.full((SIDE, SIDE, 3), 90, np.uint8), pairs["train/11.png"][1]
    for name, (first, second) in pairs.items():
        write_pair(folder / "pairs" / Path(name).parent, Path(name).name, first, second)
    assert main(["pairs", "--folder", str(folder / "pairs"), "--out", str(folder / "set"), "--workers", "1"]) == 0
    return folder / "set"


@pytest.fixture(scope="module")
def found(flawed: Path) -> Found:
    return examine(flawed, workers=2)


def test_figures_of_views(found: Found) -> None:
    assert found.splits == {"test": {"a": 6, "b": 6}, "train": {"a": 20, "b": 20}}
    assert (found.num_looked, found.num_samples) == (26, 26)
    assert found.views["a"].sizes == (SIDE, SIDE, SIDE, SIDE)
    assert found.views["a"].mean > 2 * found.views["b"].mean


def test_a_mirrored_recompressed_copy_and_an_exact_one_are_found_in_the_other_split(found: Found) -> None:
    twins = found.twins["a"]
    assert {(pair.first, pair.second, pair.is_same, pair.is_mirrored) for pair in twins.examples} == {
        ("train/03", "test/t3", False, True),
        ("train/04", "test/t4", True, False),
    }
    assert twins.num_across == {"test -> train": 2, "train -> test": 2}
    assert twins.num_within == {}
    assert twins.num_same == 2


def test_the_shifted_pair_is_found_with_its_shift(found: Found) -> None:
    (pair,) = found.pairs
    assert (pair.common_down, pair.common_right) == (0, 0)
    assert pair.common_sharpness > 8
    assert pair.shifted.samples == ["train/07"]
    assert pair.shifts == [(5, -3)]


def test_the_sample_with_its_views_swapped_is_found(found: Found) -> None:
    assert found.pairs[0].swapped.samples == ["train/09"]


def test_the_constant_picture_is_found(found: Found) -> None:
    assert found.views["a"].constant.samples == ["train/11"]
    assert found.views["b"].constant.num == found.views["b"].flat.num == 0


def test_the_findings_say_what_is_wrong(found: Found) -> None:
    findings = {finding.kind: finding for finding in reversed(judge(found))}
    assert {kind for kind, finding in findings.items() if finding.is_wrong} == {"twins across splits"}
    assert set(findings) >= {"misaligned pairs", "constant pictures", "swapped views"}
    assert findings["misaligned pairs"].samples == ["train/07 (5 px below and 3 px left)"]
    assert "2 of 6 pictures of view 'a' in test" in findings["twins across splits"].text
    assert not findings.keys() & {"channel order", "common shift", "alike names", "unreadable"}


def test_a_limit_is_kept_and_spread(flawed: Path) -> None:
    few = examine(flawed, limit=3)
    assert few.num_looked == 6
    assert few.views["a"].num == 6


def test_ctrl_c_ends_the_looking_and_keeps_what_was_seen(flawed: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    part = examine(flawed, progress=interrupt)
    assert part.is_interrupted
    assert part.num_looked == part.views["a"].num == 10


def test_a_set_that_is_shifted_and_blue_for_red_as_a_whole_is_told(tmp_path: Path) -> None:
    for number in range(18):
        picture = photo(200 + number)
        second = np.roll(255 - (255 - picture[:, :, ::-1]) // 2, (-4, 0), axis=(0, 1))
        write_pair(tmp_path / "pairs", f"{number}.png", picture, second)
    assert main(["pairs", "--folder", str(tmp_path / "pairs"), "--out", str(tmp_path / "set"), "--workers", "1"]) == 0
    whole = examine(tmp_path / "set", progress=unheard)
    (pair,) = whole.pairs
    assert (pair.common_down, pair.common_right) == (-4, 0)
    assert pair.shifted.num == 0
    kinds = {finding.kind: finding for finding in judge(whole)}
    assert kinds["common shift"].is_wrong
    assert "4 px above" in kinds["common shift"].text
    assert "redder, 'b' is bluer" in kinds["channel order"].text


def test_a_damaged_sample_is_named_and_the_others_are_looked_at(flawed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for file in flawed.rglob("*"):
        if file.is_file():
            (folder / file.relative_to(flawed)).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.relative_to(flawed)).write_bytes(file.read_bytes())
    tar = folder / "test" / "000000.tar"
    content = bytearray(tar.read_bytes())
    content[700] ^= 255
    tar.write_bytes(content)
    found = examine(folder)
    assert found.unreadable.num == 1
    assert found.unreadable.samples[0].startswith("test/t")
    assert "damaged" in found.problems[0]
    assert found.views["a"].num == 25
    assert judge(found)[0].kind == "unreadable"
