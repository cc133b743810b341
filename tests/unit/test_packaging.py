"""The lock, the Makefile and the preflight keep the promises of `make setup`."""

import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from launch import extras
from launch.machine import preflight
from tests.unit.import_rules import OURS, imports_of, module_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {extra: [Requirement(line) for line in lines] for extra, lines in PROJECT["optional-dependencies"].items()}
DEVELOPMENT = EXTRAS.pop("dev")
OPTIONAL = [requirement for lines in EXTRAS.values() for requirement in lines]
"""What some users lack, and tests have."""
LOCKED = [
    Requirement(line)
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line and not line.startswith("#")
]
LOCK = {
    canonicalize_name(locked.name): str(locked.specifier).removeprefix("==")
    for locked in LOCKED
    if locked.marker is None or locked.marker.evaluate()
}

INCUMBENT = ("models", "options")
"""Packages of the user's own clone, which `make bench` may be pointed at."""


def _needed(requirement: Requirement) -> list[Requirement]:
    """What an installed distribution requires on this machine, for the extras asked of it."""
    found = [Requirement(line) for line in requires(requirement.name) or []]
    extras = requirement.extras or {""}
    return [r for r in found if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in extras)]


def test_every_line_of_the_lock_is_a_pin() -> None:
    assert [str(line) for line in LOCKED if [part.operator for part in line.specifier] != ["=="]] == []


def test_every_pin_installs_on_the_first_python_that_the_project_allows() -> None:
    """Debian has 3.11.2, and some packages ask for a later 3.11 than the tests may run on."""
    first = f"{PROJECT['requires-python'].removeprefix('>=')}.0"
    asked = {found.name: found.metadata["Requires-Python"] for found in distributions()}
    assert {name: it for name, it in asked.items() if it and not SpecifierSet(it).contains(first)} == {}


def test_the_lock_pins_exactly_what_the_project_needs() -> None:
    """Followed from pyproject.toml through the packages' own requirements: none missing, none left over."""
    todo = [*DECLARED, *OPTIONAL, *DEVELOPMENT]
    seen: set[str] = set()
    reached = {"setuptools", "wheel"}
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        assert name in LOCK, f"{requirement} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(LOCK[name], prereleases=True), (
            f"{requirement}, but {LOCK[name]} is locked"
        )
        if str(requirement) not in seen:
            seen.add(str(requirement))
            reached.add(name)
            todo += _needed(requirement)
    assert set(LOCK) - reached == set()


def test_the_lock_is_made_of_all_extras() -> None:
    (listed,) = re.findall(r"--editable '\.\[([a-z,]+)\]'", (ROOT / "Makefile").read_text())
    assert listed.split(",") == list(PROJECT["optional-dependencies"])


def test_missing_modules_are_told_with_an_extra_that_there_is() -> None:
    assert set(extras.EXTRAS.values()) <= set(EXTRAS)
    assert {name.partition(".")[0] for names in extras.NEEDED.values() for name in names} <= set(extras.EXTRAS)


def test_the_environment_is_the_locked_one() -> None:
    path = [sysconfig.get_path("purelib")]  # not sys.path, to which setuptools adds its own copies of some packages
    installed = {canonicalize_name(found.name): found.version for found in distributions(path=path)}
    differing = {name: installed.get(name) for name, pinned in LOCK.items() if installed.get(name) != pinned}
    assert differing == {}, "run `make setup`"


def test_every_import_is_declared() -> None:
    """What reaches us only through another package may leave with it."""
    declared = {canonicalize_name(requirement.name) for requirement in [*DECLARED, *OPTIONAL]}
    owners_of = packages_distributions()
    undeclared = set()
    for path in (path for package in OURS[:-1] for path in (ROOT / package).rglob("*.py")):
        for name in imports_of(path.read_text(), module=module_name(path, ROOT)):
            top = name.split(".")[0]
            if top in (*OURS, *INCUMBENT) or top in sys.stdlib_module_names:
                continue
            owners = {canonicalize_name(owner) for owner in owners_of.get(top, [top])}
            if not owners & declared:
                undeclared.add(f"{path.relative_to(ROOT)}: {name}")
    assert undeclared == set()


def test_make_help_shows_each_target_once_with_its_purpose() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [re.fullmatch(r"make (\S+) +\S.*", line) for line in shown.splitlines()]
    assert sorted(line[1] for line in lines if line) == sorted(phony[1].split())


@pytest.mark.parametrize(
    ("problem", "named"),
    [
        (preflight.platform_problem("Darwin", "arm64"), "Darwin on arm64"),
        (preflight.platform_problem("Linux", "aarch64"), "Linux on aarch64"),
        (preflight.python_problem((3, 10, 12), "/usr/bin/python3"), "/usr/bin/python3 is Python 3.10.12"),
        (preflight.disk_problem(Path("/home/ada"), 3_500_000_000), "/home/ada has 3.5 GB free"),
    ],
)
def test_preflight_names_what_it_found(problem: str | None, named: str) -> None:
    assert problem is not None
    assert named in problem


def test_preflight_accepts_what_is_supported() -> None:
    assert preflight.platform_problem("Linux", "x86_64") is None
    assert preflight.python_problem((3, 11, 0), "python3") is None
    assert preflight.disk_problem(Path("/"), 10**11) is None


def test_preflight_looks_for_the_compiler_that_cxx_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler -m64")
    assert "no-such-compiler is not on PATH" in preflight.missing_packages()["g++"]
    monkeypatch.setenv("CXX", f"{sys.executable} -m64")
    assert "g++" not in preflight.missing_packages()


def test_the_preflight_runs_before_anything_else(tmp_path: Path) -> None:
    """Without an environment and without a compiler, `make launch` stops at once and says why."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "launch"):
        (tmp_path / name).symlink_to(ROOT / name)
    make = ["make", "launch", f"PYTHON={sys.executable}", "CXX=no-such-compiler"]
    stopped = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert stopped.returncode != 0
    assert "no-such-compiler is not on PATH" in stopped.stderr
    assert "sudo apt-get install g++" in stopped.stderr
    assert not (tmp_path / ".venv").exists()
