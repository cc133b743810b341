"""The messages that the documentation quotes are those that the code says."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("trainer", "launch", "sharding", "sweeps")


@cache
def sources() -> str:
    """The code, its texts in one piece each: as it joins literals that follow each other."""
    files = (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))
    return re.sub(r"\"\s*\n\s*f?\"", "", "\n".join(file.read_text() for file in files))


def is_said(message: str) -> bool:
    """Whether the code says so: the parts of a message between its `...` stand on one line, near each other."""
    parts = [re.escape(part.strip()) for part in message.split("...") if part.strip()]
    return re.search(".{0,90}?".join(parts), sources()) is not None


def test_each_message_of_the_page_is_said() -> None:
    quoted = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(quoted) > 30
    assert [message for message in quoted if not is_said(message)] == []


@pytest.mark.parametrize(
    "message", ["this machine has no colour; use ...", "a2b only to translates", "b to a only; use"]
)
def test_a_message_that_nobody_says_is_found(message: str) -> None:
    assert not is_said(message)
