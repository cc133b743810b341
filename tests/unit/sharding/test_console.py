"""What is printed: names, paths and messages of others are text."""

import io
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from sharding.console import command_line, counted, make_console, markdown_table, markdown_text, one_line, printable


def printed(*objects: object, **settings: object) -> str:
    file = io.StringIO()
    make_console(file=file, width=200, **settings).print(*objects)
    return file.getvalue()


@pytest.mark.parametrize("text", ["sea[/blue]", "runs/[final]", "[bold]", "[link=file:///etc]x", ":warning:"])
def test_markup_is_text(text: str) -> None:
    assert printed(text) == f"{text}\n"


def test_markup_in_tables_is_text() -> None:
    table = Table("class [/x]", title="runs/[final]")
    table.add_row("sea[/blue]")
    lines = printed(table)
    assert all(text in lines for text in ("class [/x]", "runs/[final]", "sea[/blue]"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("\x1b[2J", "␛[2J"),
        ("safe\rforged", "safe␍forged"),
        ("a\x7fb\x9bc", "a␡b\ufffdc"),
        ("photo\u202egpj.exe", "photo\ufffdgpj.exe"),
        (os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png"),
        ("two\nlines\tand a tab, café, 猫", "two\nlines\tand a tab, café, 猫"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert "\x1b" not in printed(Text(text, style="red"), text)


def test_our_own_styles_stay() -> None:
    assert "\x1b[31m" in printed(Text("error:", style="red"), force_terminal=True, color_system="standard")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://anna:secret@host/x cannot be read", "https://***@host/x cannot be read"),
        ("url='https://b.s3/x?X-Amz-Signature=abc&y=1', status=403", "url='https://b.s3/x?***', status=403"),
        ("at https://a/?u=https://anna:secret@b/x?y=1#part.", "at https://a/?***#part."),
        (
            "http:/anna:secret@host/x is a URL with one slash too few",
            "http:/***@host/x is a URL with one slash too few",
        ),
        ("at https://a/https://anna:secret@b/x", "at https://a/https://***@b/x"),
        ("s3://bucket/folder is not there. Why? mail a@b.c", "s3://bucket/folder is not there. Why? mail a@b.c"),
    ],
)
def test_passwords_and_signatures_in_addresses_are_masked(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_commands_to_copy_are_quoted() -> None:
    words = ["diptych", "train", "--resume", "runs/my run; rm -rf ~"]
    assert shlex.split(command_line(*words)) == words


def test_a_name_cannot_look_like_a_line_of_ours() -> None:
    assert one_line(Path("a\nerror: run\tthis\x1b[2J")) == "a␊error: run␉this␛[2J"


def test_no_cell_of_a_table_can_end_or_begin_another() -> None:
    titles, rows = ["a|b", "*c*"], [["x | y", "1\n2"]]
    assert markdown_table(titles, rows) == [r"| a\|b | \*c\* |", "| --- | ---: |", r"| x \| y | 1 2 |"]
    assert markdown_table(titles, rows, is_markup=True) == [r"| a\|b | *c* |", "| --- | ---: |", r"| x \| y | 1 2 |"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"),
        ("two\nlines", "two lines"),
        ("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>"),
        ("![x](http://host/seen.png)", "\\!\\[x\\](http://host/seen.png)"),
        ("`code` *bold* ~~gone~~ &lt;", "\\`code\\` \\*bold\\* \\~\\~gone\\~\\~ \\&lt;"),
        ("weight_l1 17.94 dB, runs/it's", "weight_l1 17.94 dB, runs/it's"),
    ],
)
def test_markdown_is_text(text: str, shown: str) -> None:
    assert markdown_text(text) == shown


SPEAKING = """
import logging, sys, threading, warnings
from sharding.console import guard_terminal
guard_terminal()
text = "\\x1b]0;owned\\x07 https://anna:secret@host/x?sig=abc"
logging.getLogger("sharding.storage.download").warning("%s: trying again", text)
logging.getLogger("another.library").error("%s", text)
warnings.warn(text)
thread = threading.Thread(target=lambda: [][0 if text else text])
def fail(): raise OSError("in a thread: " + text)
thread = threading.Thread(target=fail); thread.start(); thread.join()
print("a class called 猫 \\udce9")
raise RuntimeError(text)
"""


def test_what_python_prints_by_itself_is_text_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPEAKING],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONIOENCODING": "latin-1"},
    )
    assert done.stdout == b"a class called \\u732b \\udce9\n"
    assert done.returncode == 1
    for said in ("trying again", "UserWarning: ", "OSError: in a thread", "RuntimeError: "):
        assert said.encode() in done.stderr
    assert done.stderr.count(b"https://***@host/x?***") == 5
    assert not set(done.stderr) & set(b"\x1b\x07")
    assert b"secret" not in done.stderr


@pytest.mark.parametrize("text", ["x" * 10**6, "://" * 10**6, "://a@" * 10**6, "a://b?" * 10**6, "?" * 10**6])
def test_a_long_text_of_a_stranger_is_shown_at_once(text: str) -> None:
    began = time.process_time()
    printable(text)
    assert time.process_time() - began < 10


def test_one_thing_is_not_told_as_many() -> None:
    assert [counted(number, "picture") for number in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
    assert [counted(number, "input was", "inputs were") for number in (1, 2)] == ["1 input was", "2 inputs were"]
