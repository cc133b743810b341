"""What the documentation names exists: commands, flags, presets, make targets, paths, functions and links."""

import re
from pathlib import Path

import pytest

from tests.unit.documented import ROOT, missing_names
from tests.write_map import FILE, describe_tree

PAST = ("CHANGELOG.md", "log.md")  # they tell what was, by the names that it had
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", ".github/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
    if path.name not in PAST
)
FOREIGN = "migration.md"
"""The first column of its tables has the names of another code."""
SCRIPTS = [ROOT / "Makefile", ROOT / ".ci" / "run", *sorted((ROOT / ".github").rglob("*.yml"))]


def as_code(text: str) -> str:
    """A script as a fenced block of Markdown: what it calls is code, in its comments too."""
    return f"```\n{text.replace('$(BIN)/', '')}\n```\n"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_only_what_exists(path: Path) -> None:
    text = path.read_text()
    ours = re.sub(r"^\| .*? \|", "|", text, flags=re.MULTILINE) if path.name == FOREIGN else text
    assert missing_names(ours, folder=path.parent) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_names_only_what_exists(path: Path) -> None:
    text = path.read_text()
    arguments = re.findall(r'\bARGS="(--[^"]*)"', text)
    spans = "".join(f"`{part}`\n" for part in arguments)
    assert missing_names(as_code(text) + spans) == []


def test_the_map_is_up_to_date() -> None:
    assert FILE.read_text() == describe_tree(), "run `make map`"


def test_every_module_says_what_it_is_for() -> None:
    """Its line in the map: a sentence that begins and ends as one."""
    lines = [line for line in describe_tree().splitlines() if line.startswith("| `")]
    told = [re.fullmatch(r"\| `\w+\.py` \| [\w`&].*[.?] \|", line) is not None for line in lines]
    assert [line for line, is_told in zip(lines, told, strict=True) if not is_told] == []


@pytest.mark.parametrize(
    "text",
    [
        "`diptych paint`",
        "`diptych train earth-relief2moon`",
        "`diptych shard folders --loudness 3`",
        "`diptych table pix2pix-colours`",
        "```\ndiptych train --data.path data/x \\\n    --loop.total-kimg 3\n```",
        "`--loop.total-kimg 20`",
        "`--method.adversarial.objective`, `.weight-loss`",
        "`data.load_width`",
        "`make coffee`",
        "`make launch COLOUR=red`",
        '`make shard ARGS="--train.total-kimg 3"`',
        "`unpaired-discogan` or `unpaired-discogun`",
        "`photos-object-transfer`, `-seasons`",
        "`trainer/config.py`",
        "```\nfrom trainer.config import paint\nimport trainer.paint\n```",
        "`trainer/methods/NAME/{config,maths}.py`",
        "`test_nobody*.py`",
        "`trainer/engine/engine.py:Engine.fly`",
        "`trainer.loop.trainer.Loop`",
        "[there](nowhere.md)",
        "# Here\n[below](#there)",
    ],
)
def test_a_name_that_nothing_has_is_found(text: str) -> None:
    assert missing_names(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "`diptych train RUN --resume runs/x --num-procs 2`",
        "`diptych shard KIND --help`, `diptych translate RUN --in DIR --out DIR`",
        "`diptych train unpaired-cyclegan --method.weight-identity 0`",
        "`--method.adversarial.objective`, `.weight-clip`",
        "`photos-...`, `photos-object-transfer`, `-season`",
        '`NPROC=2 make launch ARGS="--train.total-kimg 1"`',
        "`trainer/methods/NAME/{config,method}.py`, `tests/golden/*.txt`, `tests/unit/`",
        "`trainer/engine/engine.py:Engine.train_step`, `python -m benchmarks.data`",
        "`data/earth-128` and `runs/earth-satellite2map/samples/*.png`",
        "# Here\n[above](#here)",
    ],
)
def test_a_name_that_something_has_passes(text: str) -> None:
    assert missing_names(text) == []
