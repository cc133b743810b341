"""What will be read and written is settled, and refused, before anything happens."""

from pathlib import Path

import pytest

from trainer.config.errors import ConfigError
from trainer.inference.plan import plan_translation


def touch(*paths: Path):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def plan(folder, *, overwrite=False, source="in"):
    return plan_translation(folder / source, folder / "out", suffix=".png", overwrite=overwrite)


def test_sub_folders_and_names_are_kept(tmp_path):
    touch(tmp_path / "in/b.PNG", tmp_path / "in/deep/er/a.jpeg", tmp_path / "in/notes.txt")
    found = plan(tmp_path)
    assert found.targets == {
        tmp_path / "in/b.PNG": [tmp_path / "out/b.png"],
        tmp_path / "in/deep/er/a.jpeg": [tmp_path / "out/deep/er/a.png"],
    }
    assert found.others == (tmp_path / "in/notes.txt",)
    assert not (tmp_path / "out").exists()


def test_variations_are_numbered_and_meet_no_other_result(tmp_path):
    touch(tmp_path / "in/a.png", tmp_path / "in/b.png")

    def files(num: int) -> list[str]:
        found = plan_translation(tmp_path / "in", tmp_path / "out", suffix=".png", overwrite=False, num=num)
        return [path.name for path in found.targets[tmp_path / "in/a.png"]]

    assert files(2) == ["a-1.png", "a-2.png"]
    assert files(10)[0] == "a-01.png"
    touch(tmp_path / "out/b-2.png")
    with pytest.raises(ConfigError, match=r"b-2\.png' ?: exists, and in all 1 of 4 results"):
        files(2)
    assert files(1) == ["a.png"]


def test_more_variations_than_can_be_named_are_refused_at_once(tmp_path):
    touch(tmp_path / "in/a.png", tmp_path / "in/b.png")
    with pytest.raises(ConfigError, match=r"^num = 10{15}: of 2 pictures makes 20{15} files, .*; use 50000 or fewer"):
        plan_translation(tmp_path / "in", tmp_path / "out", suffix=".png", overwrite=False, num=10**15)


def test_one_picture(tmp_path):
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert plan(tmp_path, source="a.jpg").targets == {tmp_path / "a.jpg": [tmp_path / "out/a.png"]}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "does not exist"),
        (["in/notes.txt"], "no picture that can be read among 1 file."),
        (["in/a.jpg", "in/a.png"], "would both become"),
        (["in/a.jpg", "out/a.png"], "--overwrite"),
        (["in/a.jpg", "out"], "is a file"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, files, message):
    touch(*[tmp_path / file for file in files])
    with pytest.raises(ConfigError, match=message):
        plan(tmp_path)


def test_overwrite_allows_old_results(tmp_path):
    touch(tmp_path / "in/a.jpg", tmp_path / "out/a.png")
    assert len(plan(tmp_path, overwrite=True).targets) == 1


@pytest.mark.parametrize("out", ["in", "in/results", "x/../in"])
def test_results_never_lie_in_the_input_folder(tmp_path, out):
    touch(tmp_path / "in/a.png")
    with pytest.raises(ConfigError, match="lies in the folder to be read"):
        plan_translation(tmp_path / "in", tmp_path / out, suffix=".png", overwrite=True)


def test_a_picture_to_be_read_is_never_overwritten(tmp_path):
    # Below `pictures` lies a second folder `pictures`, so pictures/pictures/a.jpg -> pictures/a.png.
    touch(tmp_path / "p/p/a.jpg", tmp_path / "p/p/p/b.jpg", tmp_path / "p/p/a.png")
    (tmp_path / "p/p/a.jpg").unlink()
    (tmp_path / "p/p/p/a.jpg").touch()
    with pytest.raises(ConfigError, match="is one of the pictures to be read"):
        plan_translation(tmp_path / "p/p", tmp_path / "p", suffix=".png", overwrite=True)


def test_a_folder_without_files_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(ConfigError, match="no picture that can be read among 0 files"):
        plan(tmp_path)


def test_a_linked_folder_in_the_output_is_refused(tmp_path):
    touch(tmp_path / "in/sub/deep/a.png", tmp_path / "mine/keep.txt")
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / "out/sub/deep").symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigError, match="is a link to"):
        plan(tmp_path, overwrite=True)


def test_the_output_folder_itself_may_be_the_users_link(tmp_path):
    touch(tmp_path / "in/a.png", tmp_path / "disk/b.txt")
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    assert plan(tmp_path).targets == {tmp_path / "in/a.png": [tmp_path / "out/a.png"]}


def test_a_link_to_nowhere_counts_as_a_file_that_is_there(tmp_path):
    touch(tmp_path / "in/a.png", tmp_path / "out/b.txt")
    (tmp_path / "out/a.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="exists"):
        plan(tmp_path)


def test_the_pictures_of_a_folder_are_those_of_shard(tmp_path):
    touch(tmp_path / "in/a.png", tmp_path / "in/._a.png", tmp_path / "in/.ipynb_checkpoints/a.png")
    touch(tmp_path / "in/__MACOSX/a.png", tmp_path / "elsewhere/b.png")
    (tmp_path / "in/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/back").symlink_to(tmp_path / "in")
    found = plan(tmp_path)
    assert [file.relative_to(tmp_path / "in").as_posix() for file in found.targets] == ["a.png", "linked/b.png"]
    assert [path.name for path in found.hidden] == ["._a.png", ".ipynb_checkpoints", "__MACOSX"]
    assert found.failed == {tmp_path / "in/back": "is a link to a folder that it lies in itself"}
