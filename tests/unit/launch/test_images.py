"""Recipes of container images: what they copy exists, what they install is pinned, and nobody is root in them."""

import re
from pathlib import Path

import pytest

from tests.unit.test_packaging import EXTRAS, LOCK, ROOT

FOLDER = ROOT / "launch" / "images"
DOCKERFILES = sorted(FOLDER.glob("*.Dockerfile"))
RECIPES = [*DOCKERFILES, FOLDER / "diptych.def"]


def instructions(path: Path) -> list[tuple[str, str]]:
    """Of a Dockerfile: each instruction with its arguments, continued lines joined."""
    lines = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    found = re.findall(r"^([A-Z]+) (.+)$", lines.replace("\\\n", " "), re.MULTILINE)
    assert len(found) == len([line for line in lines.replace("\\\n", " ").splitlines() if line.strip()])
    return found


def sections(path: Path) -> dict[str, list[str]]:
    """Of an Apptainer recipe: the lines of each section, and of the header under the empty name."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in path.read_text().splitlines():
        if line.startswith("%"):
            name = line.strip()
            found[name] = []
        elif line.strip() and not line.startswith("#"):
            found[name].append(line.strip())
    return found


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_a_dockerfile_ends_as_a_user_and_copies_what_there_is(path: Path):
    steps = instructions(path)
    assert {name for name, _ in steps} <= {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "ENTRYPOINT", "CMD"}
    assert steps[0][0] == "FROM"
    assert [value for name, value in steps if name == "USER"] == ["diptych"]
    assert [name for name, _ in steps].index("USER") > max(
        place for place, (name, _) in enumerate(steps) if name == "RUN"
    )
    for *sources, _ in (value.split() for name, value in steps if name == "COPY"):
        assert all((ROOT / source).exists() for source in sources)


def test_the_recipe_for_apptainer_has_its_sections():
    found = sections(FOLDER / "diptych.def")
    assert found[""][0] == "Bootstrap: docker"
    assert all((ROOT / line.split()[0]).exists() for line in found["%files"])
    assert found["%runscript"] == ['exec diptych "$@"']
    assert found["%post"][-1].endswith(" .")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_what_is_installed_is_pinned(path: Path):
    text = path.read_text().replace("\\\n", " ")
    (base,) = re.findall(r"^(?:FROM|From:) (\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)
    assert "Not yet built." in text
    assert "apt-get" not in text or {"--no-install-recommends", "/var/lib/apt/lists/*"} <= set(text.split())
    for command in re.findall(r"pip install ([^&\n]*)", text):
        words = [word.strip("'") for word in command.split()]
        for name, version in (word.split("==") for word in words if "==" in word):
            assert LOCK[name] == version.removesuffix("+cpu")
        bounds = {"--constraint", "--requirement", "--no-deps"}
        assert any("==" in word for word in words) or bounds & set(words)
        for extras in re.findall(r"\.\[(.*)\]", command):
            assert set(extras.split(",")) <= set(EXTRAS)
