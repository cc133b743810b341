"""Command lines are read without typeguard and without docstrings, and mean what they meant."""

import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from typeguard import TypeCheckError, check_type
from tyro._docstrings import get_callable_description, get_field_docstring

from launch import quick_tyro
from launch.cli import main
from launch.plan_options import PlanOptions
from launch.quick_docstrings import quick_description, quick_field_docstring
from launch.quick_tyro import fits
from launch.translation_options import TranslateOptions
from sharding.sources.pairs import PairsOptions
from sweeps.cli import SweepOptions
from trainer.methods.pix2pix.config import Pix2PixConfig

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class RunStyle:
    """Of one paragraph.

    And another, of two
    lines.
    """

    bare: int
    described: int
    """What it is,
    in two lines."""
    # a comment
    commented: int


@dataclass
class Sectioned:
    """Of sections.

    Args:
        value: described here.
    """

    value: int


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Path | None, None),
        (Path | None, Path("a")),
        (Path | None, "a"),
        (int | tuple[int, int], (1, 2)),
        (int | tuple[int, int], (1, 2, 3)),
        (int | tuple[int, int], ("1", "2")),
        (tuple[str, ...], ()),
        (tuple[str, ...], (1, "a")),
        (tuple[str, ...], ["a"]),
        (tuple[Path, Path] | None, None),
        (tuple[Path, Path], object()),
        (dict[str, int], {"a": 1}),
        (dict[str, int], {1: 1}),
        (dict[str, int], {"a": "b"}),
        (dict[str, int], None),
        (dict[str, Path | None], {"a": None}),
        (Optional[Literal["a", "b"]], "c"),  # noqa: UP045  (the form that tyro itself knows)
        (list[int], ["a"]),
    ],
)
def test_values_fit_as_typeguard_says(kind: Any, value: Any) -> None:
    try:
        check_type(value, kind)
    except TypeCheckError:
        assert not fits(kind, value)
    else:
        assert fits(kind, value)


MISTAKES = (
    "nosuch",
    "train nosuch",
    "train pix2pix-losses-l1 --train.total-kimg -1",
    "train pix2pix-losses-l1 --train.total-kimg many",
    "launch --method.generator.norm nosuch",
    "plan --ranks -3",
)


def test_a_mistake_is_answered_without_what_it_does_not_need() -> None:
    slow = (
        "pydantic",
        "pydantic_core",
        "typeguard",
        "asyncio",
        "unittest",
    )
    program = f"""
import sys
from launch.cli import main
for words in {MISTAKES}:
    try:
        status = main(words.split())
    except SystemExit as error:
        status = error.code
    assert status == 2, (words, status)
print(sorted(set({slow}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
    assert "train.total_kimg = -1.0: use a positive number." in done.stderr


@pytest.mark.parametrize("kind", [SweepOptions, PairsOptions, TranslateOptions, PlanOptions, Pix2PixConfig, RunStyle])
def test_what_help_says_is_what_tyro_reads(kind: type) -> None:
    """Of sections within sections, of what is derived from another, and where a comment stands for a docstring."""
    asked = []
    for each in fields(kind):
        said = quick_field_docstring(kind, each.name, clean=quick_tyro._clean, otherwise=lambda: asked.append(1))
        if not asked:
            assert said == get_field_docstring(kind, each.name, ()), each.name
        asked.clear()
    assert quick_description(kind, otherwise=str) in ("", get_callable_description(kind))


def test_comments_and_sections_of_docstrings_are_left_to_tyro() -> None:
    asked = []
    for name in ("commented", "described", "bare"):
        quick_field_docstring(RunStyle, name, clean=str, otherwise=lambda: asked.append(1))
    assert len(asked) == 1
    quick_description(Sectioned, otherwise=lambda: str(asked.append(1)))
    assert len(asked) == 2


def test_help_after_a_mistake_describes_sections(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--train.total-kimg", "-1"]) == 2
    with pytest.raises(SystemExit):
        main(["train", "--train.total-kim", "1"])
    assert "Length of the run in thousands" in capsys.readouterr().err  # the option that was meant, and what it is
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "Which two views of which data set" in capsys.readouterr().out


def test_another_version_of_tyro_is_left_as_it_is() -> None:
    program = """
import tyro
from tyro import _parsers, _resolver
del _resolver.is_instance
described = _parsers.ParserSpecification.from_callable_or_type
from launch.quick_tyro import quick_tyro
with quick_tyro(is_help=False):
    assert _parsers.ParserSpecification.from_callable_or_type == described
    assert not hasattr(_resolver, "is_instance")
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
