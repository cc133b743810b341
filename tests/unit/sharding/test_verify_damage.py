"""Whatever happens to a data set's files: no damage passes as good, and looking for it never fails."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sharding.errors import DatasetError
from sharding.format.manifest_file import read_manifest, seal_manifest
from sharding.verifying.verify import verify
from tests.unit.sharding.damage import MANIFEST, Damage, file_damages, mend_checksums, number_edits, number_places
from tests.unit.sharding.files import contents
from tests.unit.sharding.small_sets import write_varied_set


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read it, never write."""
    folder = tmp_path_factory.mktemp("whole") / "set"
    write_varied_set(folder)
    return folder


def problems_after(whole: Path, *damages: Damage, decode: bool, is_mended: bool = False) -> list[str]:
    """What verify says of a damaged copy. Damage that changes nothing, or undoes itself, is not looked at."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "set"
        shutil.copytree(whole, folder)
        for damage in damages:
            damage(folder)
        assume(contents(folder) != contents(whole))
        if is_mended:
            mend_checksums(folder)
        return verify(folder, decode=decode)


@settings(max_examples=150)
@given(damage=file_damages())
def test_no_damage_passes_as_good(whole: Path, damage: Damage) -> None:
    assert problems_after(whole, damage, decode=False)


@settings(max_examples=30)
@given(damages=st.lists(file_damages(), min_size=2, max_size=4))
def test_nor_do_several_together(whole: Path, damages: list[Damage]) -> None:
    assert problems_after(whole, *damages, decode=False)


@settings(max_examples=100)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_no_byte_of_a_manifest_can_be_another(whole: Path, place: float, byte: int) -> None:
    """Not even between its words, nor in a name that nothing else tells."""
    with TemporaryDirectory() as temporary:
        data = bytearray((whole / MANIFEST).read_bytes())
        assume(data[int(place * len(data))] != byte)
        data[int(place * len(data))] = byte
        (Path(temporary) / MANIFEST).write_bytes(data)
        with pytest.raises(DatasetError, match=r"dataset\.json"):
            read_manifest(Path(temporary))


@settings(max_examples=50)
@given(damage=number_edits())
def test_no_number_of_a_manifest_can_be_another(whole: Path, damage: Damage) -> None:
    with TemporaryDirectory() as temporary:
        shutil.copy(whole / MANIFEST, temporary)
        damage(Path(temporary))
        assume(contents(Path(temporary))[MANIFEST] != (whole / MANIFEST).read_bytes())
        with pytest.raises(DatasetError, match=r"dataset\.json has changed"):
            read_manifest(Path(temporary))


@settings(max_examples=60)
@given(damage=file_damages(suffixes=(".tar", ".idx")))
def test_looking_never_fails_where_checksums_were_made_of_damaged_files(whole: Path, damage: Damage) -> None:
    """And then the tars' own checksums, the index and the images tell most of it."""
    for problem in problems_after(whole, damage, decode=True, is_mended=True):
        assert "/set/" in problem, "names the file"


@settings(max_examples=60)
@given(damage=number_edits())
def test_a_sealed_manifest_that_lies_about_shards_is_found(whole: Path, damage: Damage) -> None:
    def damage_and_seal(folder: Path) -> None:
        damage(folder)
        try:
            seal_manifest(folder)
        except DatasetError:
            assume(False)  # what is no manifest cannot be sealed
        lies.append(json.loads((folder / MANIFEST).read_text())["splits"] != splits)

    splits = json.loads((whole / MANIFEST).read_text())["splits"]
    lies: list[bool] = []
    assert problems_after(whole, damage_and_seal, decode=True) or not lies[0]


def test_the_numbers_of_a_manifest_are_found(whole: Path) -> None:
    record = json.loads((whole / MANIFEST).read_text())
    keys = {key for _, key in number_places(record)}
    assert {"num_samples", "num_bytes", "channels", "width", "height", 0, 1, 2} == keys
