"""Hostfiles of all kinds: what they mean, and what is refused with its line."""

from pathlib import Path

import pytest

from launch.hosts.host import Host
from launch.hosts.hostfile import MOST_BYTES, name_problem, parse_hostfile, read_hosts
from trainer.config.errors import ConfigError

PATH = Path("hosts")
TEXT = "# the cluster\nn1 slots=2\n\n  n2\tslots=3   # the one in the corner\r\n10.0.0.7 slots=1\nfd00::7 slots=2\n"
HOSTS = [Host("n1", 2), Host("n2", 3), Host("10.0.0.7", 1), Host("fd00::7", 2)]


def write(folder: Path, content: bytes | str = TEXT) -> Path:
    path = folder / "hosts"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_hosts_are_read_in_their_order(tmp_path: Path) -> None:
    assert parse_hostfile(TEXT, path=PATH) == HOSTS
    link = tmp_path / "link"
    link.symlink_to(write(tmp_path))
    assert read_hosts(link) == HOSTS


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("n1", ["slots=8"]),
        ("n1 8", ["slots=8"]),
        ("n1 slots=", ["slots=8"]),
        ("n1 slots=two", ["slots=8"]),
        ("n1 slots=-2", ["slots=8"]),
        ("n1 slots=2.5", ["slots=8"]),
        ("n1 slots=٣", ["slots=8"]),
        ("n1 slots=2 max_slots=4", ["slots=8"]),
        ("n1 slots = 2", ["slots=8"]),
        ("n1 slots=99999999999999999999", ["slots=8"]),
        ("n1 slots=0", ["0 slots", "1 to 1024", "remove the line"]),
        ("n1 slots=1025", ["1025 slots"]),
        ("-oProxyCommand=touch${IFS}/tmp/x slots=1", ["name of a host"]),
        ("-l slots=1", ["name of a host"]),
        ("n1;reboot slots=1", ["name of a host"]),
        ("$(reboot) slots=1", ["name of a host"]),
        ("`reboot` slots=1", ["name of a host"]),
        ("n1|cat slots=1", ["name of a host"]),
        ("n1>x slots=1", ["name of a host"]),
        ("n1\\ slots=1", ["name of a host"]),
        ("'n1' slots=1", ["name of a host"]),
        ("n*1 slots=1", ["name of a host"]),
        (".. slots=1", ["name of a host"]),
        ("n1/etc slots=1", ["name of a host"]),
        ("%h slots=1", ["name of a host"]),
        ("fe80::1%eth0 slots=1", ["name of a host"]),
        ("n1- slots=1", ["name of a host"]),
        ("größe slots=1", ["name of a host"]),
        ("n\u202e1 slots=1", ["name of a host"]),
        ("n\x001 slots=1", ["name of a host"]),
        (f"{'n' * 254} slots=1", ["name of a host"]),
        ("root@n1 slots=1", ["~/.ssh/config"]),
        ("n0 slots=1", ["n0 is in line 1 already"]),
    ],
)
def test_a_line_that_is_none_is_named(line: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        parse_hostfile(f"n0 slots=1\n# more\n{line}\n", path=PATH)
    said = str(error.value)
    assert "hosts, line 3" in said
    assert len(said) < 500
    assert "\x00" not in said
    assert "\u202e" not in said
    for word in words:
        assert word in said, said


@pytest.mark.parametrize("text", ["", "\n\n", "# n1 slots=2\n", "   \t\n#\n"])
def test_a_file_without_hosts_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"hosts.*names no host.*n1 slots=8"):
        parse_hostfile(text, path=PATH)


def test_a_file_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hostfile = .*nothing is started"):
        read_hosts(tmp_path / "hosts")


def test_what_is_no_text_of_a_reasonable_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_hosts(tmp_path)
    with pytest.raises(ConfigError, match=r"UTF-8 \(byte 3\)"):
        read_hosts(write(tmp_path, b"n1 \xff=2\n"))
    with pytest.raises(ConfigError, match=f"up to {MOST_BYTES} bytes"):
        read_hosts(write(tmp_path, b"#" * (MOST_BYTES + 1)))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_hosts(Path("/dev/zero"))


def test_every_name_that_a_network_has_is_possible() -> None:
    for name in ("n1", "node-01.cluster.example.org", "gpu_7", "10.1.2.3", "::1", "2001:db8::7", "7"):
        assert name_problem(name) is None


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ("", "", HOSTS),
        ("n1", "", [Host("n1", 2)]),
        ("n2@n1", "", [Host("n1", 2), Host("n2", 3)]),
        ("n1@n2:0,2", "", [Host("n1", 2), Host("n2", 2, (0, 2))]),
        ("n2:2,0,2", "", [Host("n2", 2, (0, 2))]),
        ("fd00::7@10.0.0.7:0", "", [Host("10.0.0.7", 1, (0,)), Host("fd00::7", 2)]),
        ("fd00::7:1", "", [Host("fd00::7", 1, (1,))]),
        ("", "n1@fd00::7", [Host("n2", 3), Host("10.0.0.7", 1)]),
        ("", "n1@n2:1@10.0.0.7", [Host("n2", 2, (0, 2)), Host("fd00::7", 2)]),
        ("", "n2:0,1,2@n1:0@10.0.0.7@fd00::7", [Host("n1", 1, (1,))]),
    ],
)
def test_some_hosts_are_chosen(include: str, exclude: str, expected: list[Host], tmp_path: Path) -> None:
    assert read_hosts(write(tmp_path), include=include, exclude=exclude) == expected


@pytest.mark.parametrize(
    ("include", "exclude", "words"),
    [
        ("n1", "n2", ["exclude = 'n2'", "--include n1", "one of them"]),
        ("n9", "", ["include = 'n9'", "no host 'n9'", "n1, n2, 10.0.0.7"]),
        ("n1@", "", ["n1@n2:0,2"]),
        ("n1:", "", ["n1@n2:0,2"]),
        ("n1:a", "", ["n1@n2:0,2"]),
        ("n1:0-1", "", ["n1@n2:0,2"]),
        ("n1:0,", "", ["n1@n2:0,2"]),
        (":0", "", ["n1@n2:0,2"]),
        ("n1,n2", "", ["no host 'n1,n2'"]),
        ("n1:2", "", ["slots 0 to 1", "no 2"]),
        ("n1@n1:0", "", ["n1 twice"]),
        ("", "n9:0", ["exclude = 'n9:0'", "no host 'n9'"]),
        ("", "n1@n2@10.0.0.7@fd00::7", ["leaves no host"]),
        ("", "n1:0,1@n2:0,1,2@10.0.0.7@fd00::7:0,1", ["leaves no host"]),
    ],
)
def test_a_choice_that_cannot_be_is_explained(include: str, exclude: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read_hosts(write(tmp_path), include=include, exclude=exclude)
    for word in words:
        assert word in str(error.value)
