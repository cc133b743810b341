"""`diptych table realness|perceptual`: what people said, beside the papers'."""

from pathlib import Path

import pytest

from sweeps.tables.run import table_command
from tests.unit.study.made import design_of, write_study
from trainer.config.errors import ConfigError
from trainer.study.report.contents import make_contents


def test_methods_of_a_study_stand_in_the_papers_rows_or_in_their_own(tmp_path: Path, capsys):
    design = design_of("realness", "dualgan", "ours")
    truth = {"dualgan": (0.2, 0.2, 0.2, 0.2, 0.2), "ours": (0.8, 0.2, 0, 0, 0), "truth": (0, 0, 0, 0.2, 0.8)}
    answers = write_study(tmp_path / "night", design, truth)
    out = tmp_path / "table.md"
    assert table_command(["realness", str(tmp_path / "night"), "--out", str(out)]) == 0
    rows = [line.split(" | ") for line in out.read_text().splitlines() if line.startswith("|")][2:]
    assert [row[0].removeprefix("| ") for row in rows] == ["DualGAN", "cGAN", "GAN", "ours", "truth"]
    assert rows[0][1:5] == ["1.78", "2.37", "1.90", "2.55"]
    means = {found.thing[0]: found.mean for found in make_contents(design, answers).estimates}
    for row, name in ((rows[0], "dualgan"), (rows[3], "ours"), (rows[4], "truth")):
        assert row[-1].startswith(f"{means[name]:.2f} ± ")
        assert row[-1].endswith(" people) |")
    assert rows[1][-1] == "- |"
    assert rows[3][1:5] == ["-"] * 4
    assert "DualGAN" in capsys.readouterr().out


def test_a_study_without_answers_has_dashes(tmp_path: Path):
    write_study(tmp_path / "new", design_of("real-or-fake", "l1", "CycleGAN"), None)
    out = tmp_path / "table.md"
    assert table_command(["perceptual", str(tmp_path / "new"), "--out", str(out)]) == 0
    lines = [line for line in out.read_text().splitlines() if line.startswith("|")]
    assert lines[2:] == [
        "| L1 | 2.8 ± 1.0 | 0.8 ± 0.3 | - |",
        "| L1+cGAN | 6.1 ± 1.3 | 18.9 ± 2.5 | - |",
        "| CycleGAN | 23.2 ± 3.4 | 26.8 ± 2.8 | - |",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["realness"], "studies = None: realness stands beside yours"),
        (["realness", "none"], "holds no study.json"),
        (["perceptual", "grades"], "asks by the protocol realness, and this table is of real-or-fake alone"),
        (["realness", "grades", "--out", "no/such/table.md"], "out = 'no/such/table.md': its folder does not exist"),
        (["--seeds", "2", "realness"], "table = 'realness': trains nothing"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str):
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "grades", design_of("realness", "a"), None)
    with pytest.raises(ConfigError, match=message):
        table_command(arguments)
