"""Help is answered at once: without a package that takes seconds to load."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.loaded import answer_of
from trainer.presets import preset_names


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--help"], "usage: diptych COMMAND"),
        (["train", "unpaired-cyclegan", "--help"], "--method.weight-cycle FLOAT"),
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str], shown: str, tmp_path: Path):
    done, heavy = answer_of(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert shown in done.stdout
    assert not heavy


def test_help_on_a_preset_reads_the_presets_once():
    program = (
        "from launch.cli import main\n"
        "try:\n    main(['train', 'unpaired-cyclegan', '--help'])\n"
        "finally:\n"
        "    from trainer.presets import _modules\n"
        "    print('read', _modules.cache_info().misses)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "read 1"
    assert all(name in " ".join(said.split()) for name in preset_names()[:3])


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--optimizer.lrr", "1"],
        ["sweep", "--num-trials", "0"],
        ["evaluate", "nowhere"],
    ],
)
def test_a_mistake_is_answered_before_arrays_and_other_presets_are_loaded(arguments: list[str]):
    program = (
        "import sys\n"
        "from launch.cli import main\n"
        "try:\n    status = main(sys.argv[1:])\n"
        "except SystemExit as error:\n    status = error.code\n"
        "others = {'numpy', 'PIL', 'trainer.presets.papers', 'trainer.presets.glyphs'}\n"
        "print(status, sorted(others & set(sys.modules)))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    ).stdout
    assert said.splitlines()[-1] == "2 []"
