"""What `diptych presets` says of each preset."""

import re

import pytest

from launch.commands.presets import main
from launch.preset_lines import families, line_of
from trainer.presets import family_of, load_preset, preset_names

LINES = {name: line_of(name) for name in preset_names()}


def test_no_two_presets_have_the_same_line() -> None:
    assert len(set(LINES.values())) == len(LINES)


def test_each_line_is_true_of_its_configuration() -> None:
    for name, line in LINES.items():
        config = load_preset(name)
        method, size, kimg, data = line.partition(";")[0].rpartition(": ")[2].split(", ")
        assert method == config.method.name
        assert size == f"{config.data.crop_size} px"
        assert float(kimg.removesuffix(" kimg")) == config.train.total_kimg
        assert str(config.data.path) in data.split()


def test_a_line_names_what_only_this_one_of_its_family_has() -> None:
    assert LINES["pix2pix-patches-16"].endswith("; discriminator.num_layers 1")
    assert "blur of 2 px" in LINES["restore-deblur"]
    assert "(embedded)" not in LINES["photos-season"]


def test_a_task_in_words_is_one_of_a_preset_that_exists() -> None:
    assert {task for name in LINES for task in family_of(name).tasks} <= LINES.keys()


def test_each_preset_is_listed_once() -> None:
    assert sorted(name for names in families().values() for name in names) == preset_names()


def test_the_command_prints_names_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert dict(re.findall(r"^  (\S+)\n      (.+)$", shown, re.MULTILINE)) == LINES
