import json
import re
from pathlib import Path

import numpy as np
import pytest

from launch.study.report import Options, main
from tests.unit.study.made import design_of, write_study
from trainer.config.errors import ConfigError

RATES = {"ours": (0.7, 0.3), "theirs": (0.9, 0.1)}


def test_the_command_prints_and_writes_the_papers_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = write_study(tmp_path, design_of("real-or-fake", *RATES), RATES)
    assert main(Options(study=tmp_path, num_resamples=500)) == 0
    shown = capsys.readouterr().out
    record = json.loads((tmp_path / "report.json").read_text())
    for place, method in enumerate(RATES):
        mean = np.mean([answer.value for answer in answers if answer.method == method])
        assert record["estimates"][place]["mean"] == pytest.approx(mean)
        for text in (shown, (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()):
            assert f"{100 * mean:.1f} ± {100 * record['estimates'][place]['error']:.1f}" in text
    assert "12 of 12 participants count, with 120 answers" in shown
    assert "1008 ms (median; 95 of 100: 1000 to 1017 ms) of 1000 ms that were asked for" in shown
    assert record["better"][0][1] > 0.9


def test_a_study_that_nobody_has_answered_says_so_of_each_method(tmp_path: Path) -> None:
    write_study(tmp_path, design_of("real-or-fake", *RATES), None)
    assert main(Options(study=tmp_path)) == 0
    told = (tmp_path / "report.md").read_text()
    assert "0 of 0 participants count" in told
    assert "ours: no answer that counts yet." in told
    assert "nan" not in (told + (tmp_path / "report.html").read_text() + (tmp_path / "report.json").read_text()).lower()


@pytest.mark.parametrize(
    ("options", "named"),
    [({"num_resamples": 5}, "num_resamples = 5"), ({"seed": -1}, "seed"), ({"html": Path("/no/such/a.html")}, "html")],
)
def test_impossible_options_are_named(tmp_path: Path, options: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        main(Options(study=tmp_path, **options))


def test_a_folder_that_is_no_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path))):
        main(Options(study=tmp_path))
    assert list(tmp_path.iterdir()) == []
