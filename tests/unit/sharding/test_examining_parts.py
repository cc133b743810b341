"""Near hashes, names and class shares: the parts of looking at a data set."""

import numpy as np

from sharding.examining.alike_names import find_alike_names
from sharding.examining.common import as_common
from sharding.examining.examine import examine
from sharding.examining.judge import judge
from sharding.examining.near import RADIUS, WINDOW, near_pairs
from sharding.examining.prints import print_of
from sharding.format.manifest import ClassInfo, View
from tests.pairs import texture
from tests.unit.sharding.small_sets import write_varied_set


def hashes(number: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, number, dtype=np.uint64)


def flipped(value: np.uint64, bits: list[int]) -> np.uint64:
    for bit in bits:
        value ^= np.uint64(1) << np.uint64(bit)
    return value


def test_near_hashes_are_those_that_comparing_each_with_each_finds() -> None:
    random = np.random.default_rng(1)
    some = hashes(300)
    for row in range(0, 120, 2):  # neighbours at distances 1 to 9
        some[row + 1] = flipped(some[row], random.permutation(64)[: 1 + row // 2 % 9].tolist())
    distances = np.bitwise_count(some[:, None] ^ some)
    expected = np.argwhere(np.triu(distances <= RADIUS, k=1))
    found = near_pairs(some)
    assert found.pairs.tolist() == expected.tolist()
    assert len(expected) >= 40
    assert found.is_whole


def test_work_grows_in_proportion_to_the_number_of_hashes() -> None:
    small, large = (near_pairs(hashes(number)).num_comparisons for number in (2_000, 16_000))
    assert large < 10 * small  # 8 times as many; each with each would be 64 times the work


def test_pictures_that_all_look_alike_stay_affordable_and_it_is_told() -> None:
    found = near_pairs(np.full(200, 7, np.uint64))
    assert not found.is_whole
    assert found.num_comparisons <= 28 * 200 * (WINDOW + 1)
    assert near_pairs(np.zeros(0, np.uint64)).pairs.shape == (0, 2)


def test_the_hash_hardly_moves_with_brightness_and_size_and_knows_its_mirror_image() -> None:
    grey = (texture(64, seed=3) * 255).astype(np.float32)[:, :, 0]
    upright, mirrored = print_of(grey)
    assert print_of(grey[:, ::-1].copy()) == (mirrored, upright)
    for changed in (grey * 0.5 + 20, grey.repeat(2, 0).repeat(2, 1)):
        assert (print_of(changed)[0] ^ upright).bit_count() <= 2
    other = (texture(64, seed=4) * 255).astype(np.float32)[:, :, 0]
    assert (print_of(other)[0] ^ upright).bit_count() > 2 * RADIUS


def test_names_that_differ_by_a_last_number_tell_of_scenes_and_plain_numbers_do_not() -> None:
    films = [
        (split, "", f"film{film}_{frame}") for film, split in enumerate(("train", "test", "train")) for frame in (1, 2)
    ]
    assert find_alike_names(films) == []
    (alike,) = find_alike_names([*films, ("test", "", "film0_3"), ("test", "", "film2_9")])
    assert (alike.split, alike.num_samples, alike.num_groups) == ("test", 2, 2)
    assert alike.examples == [("film0_3", "film0_1"), ("film2_9", "film2_1")]
    classes = [
        (split, "", f"{name}_{number}") for name in ("cat", "dog") for number, split in enumerate(("train", "test"))
    ]
    assert find_alike_names(classes) == []


def test_any_view_is_shown_in_its_own_range() -> None:
    deep = np.array([[[0], [500], [2000]]], np.uint16)
    view = View(extension="x.png", channels=1, dtype="uint16", value_range=(0, 1000))
    assert as_common(deep, view=view, classes=())[0, :, 1].tolist() == [0, 128, 255]
    numbers = np.array([[[1], [255]]], np.uint8)
    classes = View(extension="c.png", content="classes", channels=1)
    info = [ClassInfo(name="sea", color=(0, 0, 255)), ClassInfo(name="land", color=(9, 8, 7))]
    assert as_common(numbers, view=classes, classes=info).tolist() == [[[9, 8, 7], [0, 0, 0]]]


def test_views_of_every_type_classes_and_labels_are_counted(tmp_path) -> None:
    write_varied_set(tmp_path / "set")
    found = examine(tmp_path / "set")
    assert found.views["heat"].low < 0
    assert found.views["heat"].sizes == (16, 26, 16, 16)
    shares = found.classes["classes"]
    assert abs(shares.none - 1 / 3) < 0.05
    assert shares.pictures == {"sea": 11, "land": 11}
    assert found.labels["kind"]["train"] == {"round": 3, "square": 3, "other": 3}
    assert {finding.kind for finding in judge(found)} >= {"much of no class"}
