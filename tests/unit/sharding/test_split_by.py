"""Samples of one patient or scene are in one split."""

import re
from collections import Counter
from pathlib import Path

import pytest

from sharding.errors import DatasetError, OptionError
from sharding.format.manifest_file import read_manifest
from sharding.inputs.splits import SplitOptions
from sharding.work.problems import InputError
from tests.unit.sharding.files import save_photo


def split(options: SplitOptions, stem: str) -> str:
    return options.of(Path("in") / f"{stem}.png", stem)


def test_a_pattern_says_whose_a_sample_is() -> None:
    options = SplitOptions(split_by=r"pattern:(p\d+)_.*", val=0.3, test=0.3)
    by_patient = {n: {split(options, f"p{n}_{slice_}") for slice_ in range(8)} for n in range(40)}
    assert all(len(splits) == 1 for splits in by_patient.values())
    counts = Counter(next(iter(splits)) for splits in by_patient.values())
    assert min(counts["train"], counts["val"], counts["test"]) >= 5
    with pytest.raises(InputError, match="does not match; rename it"):
        split(options, "left-over")


def test_so_does_a_column(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("file,patient\n" + "".join(f"x{n},ada\n" for n in range(20)))
    options = SplitOptions(split_by=f"csv:{tmp_path / 'patients.csv'}")
    assert len({split(options, f"x{n}") for n in range(20)}) == 1
    with pytest.raises(InputError, match=r"no row in .*patients.csv; add it"):
        split(options, "y")
    assert re.fullmatch(r"[0-9a-f]{16,}", options.made_by()["split_by"])


def test_sets_made_before_have_no_such_option() -> None:
    assert SplitOptions().made_by() == {"val": 0.1, "test": 0.1}


@pytest.mark.parametrize("text", ["patient", "pattern:", "pattern:(", "pattern:p.*", "list:x"])
def test_what_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--split-by"):
        SplitOptions(split_by=text)


def test_a_list_of_splits_says_it_already(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="use one"):
        SplitOptions(split_by="pattern:(.).*", split_list=tmp_path / "s.csv")


def test_a_table_of_more_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,patient,age\nx,1,2\n")
    with pytest.raises(DatasetError, match="must have two"):
        split(SplitOptions(split_by=f"csv:{tmp_path / 't.csv'}"), "x")


def test_the_command_keeps_patients_together_and_names_files_of_nobody(tmp_path: Path, shard) -> None:
    (tmp_path / "in").mkdir()
    for n in range(24):
        save_photo(tmp_path / "in" / f"p{n // 4}_{n % 4}.png", seed=n)
    command = ("images", "--folder", tmp_path / "in", "--split-by", r"pattern:(p\d+)_.*", "--test", "0.3")
    code, said = shard(*command, "--out", tmp_path / "out")
    assert code == 0, said
    manifest = read_manifest(tmp_path / "out")
    assert all(manifest.num_samples(name) % 4 == 0 for name in manifest.splits)
    save_photo(tmp_path / "in" / "nobody.png", seed=24)
    code, said = shard(*command, "--out", tmp_path / "other")
    assert code == 1
    assert "does not match" in said.replace("\n", " ")
