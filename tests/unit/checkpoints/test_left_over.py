"""What killed saves leave is removed when the run goes on, and nothing else."""

from pathlib import Path

from trainer.checkpoints.publish import clear_left_over


def test_only_hidden_checkpoints_are_removed(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "years").touch()
    checkpoints = tmp_path / "checkpoints"
    mark = f".diptych-{'0' * 32}.tmp"
    for name in (mark, ".00002000.tmp", ".00002000.rank-0003.tmp", "00001000", ".mine.tmp", ".0.tmp"):
        (checkpoints / name).mkdir(parents=True)
        (checkpoints / name / "weights").touch()
    (checkpoints / ".00003000.tmp").symlink_to(thesis)
    clear_left_over(checkpoints)
    assert sorted(path.name for path in checkpoints.iterdir()) == [".0.tmp", ".mine.tmp", "00001000"]
    assert (thesis / "years").exists()
