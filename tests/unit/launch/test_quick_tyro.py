"""Command lines are read without typeguard and without docstrings, and mean what they meant."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from typeguard import TypeCheckError, check_type

from launch.cli import main
from launch.quick_tyro import fits

ROOT = Path(__file__).resolve().parents[3]


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
