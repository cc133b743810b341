"""What of the environment other hosts get, and what of it is shown."""

import re
from pathlib import Path

import pytest

from launch.hosts.environment import NAMES, OWN, PREFIXES, forwarded, is_secret, shown
from trainer.config.errors import ConfigError

GIVEN = {
    "NCCL_DEBUG": "INFO",
    "OMP_NUM_THREADS": "4",
    "WANDB_API_KEY": "k" * 40,
    "WANDB_MODE": "offline",
    "AWS_SECRET_ACCESS_KEY": "secret/one",
    "AWS_PROFILE": "lab",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/a/key.json",
    "HTTPS_PROXY": "http://ann:pw1234@proxy:3128",
    "https_proxy": "http://ann:pw1234@proxy:3128",
    "PYTHONPATH": "/code",
    "DIPTYCH_CACHE": "/scratch/cache",
}
STAYS = {
    "PATH": "/bin",
    "HOME": "/home/ann",
    "CUDA_VISIBLE_DEVICES": "1",
    "SLURM_JOB_ID": "7",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "RANK": "3",
    "MASTER_ADDR": "n1",
    "DIPTYCH_TOKEN": "t" * 32,
    "DIPTYCH_LIFELINE": "5",
    "NCCL_SOCKET_IFNAME": "eth7",
    "MY_SETTING": "x",
    "XWANDB_MODE": "x",
}


def test_the_stated_variables_travel_and_no_others() -> None:
    assert forwarded(GIVEN | STAYS) == dict(sorted(GIVEN.items()))
    assert forwarded({}) == {}


def test_others_travel_when_they_are_asked_for() -> None:
    asked = forwarded(GIVEN | STAYS, also=["MY_SETTING", "CUDA_VISIBLE_DEVICES"])
    assert asked == GIVEN | {"MY_SETTING": "x", "CUDA_VISIBLE_DEVICES": "1"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ABSENT", ["not set here", "export ABSENT="]),
        ("KEY=hunter2", ["name alone", "process list"]),
        ("", ["name alone"]),
        ("A B", ["name alone"]),
        ("$(reboot)", ["name alone"]),
        ("RANK", ["set by the launcher"]),
        ("DIPTYCH_TOKEN", ["set by the launcher"]),
    ],
)
def test_what_cannot_travel_is_refused(name: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        forwarded(GIVEN | STAYS, also=[name])
    said = str(error.value)
    assert all(word in said for word in words)
    assert "hunter2" not in said


def test_no_secret_is_shown() -> None:
    lines = shown(forwarded(GIVEN | STAYS | {"OTHER": "word"}, also=["OTHER"]))
    said = "\n".join(lines)
    assert "NCCL_DEBUG=INFO" in lines
    assert "WANDB_API_KEY=***" in lines
    assert "OTHER=***" in lines, "what it is, only the user knows"
    for secret in ("kkkk", "secret/one", "key.json", "pw1234", "word"):
        assert secret not in said
    assert "https_proxy=http://***@proxy:3128" in lines


def test_values_cannot_draw_on_a_terminal() -> None:
    [line] = shown({"NCCL_DEBUG": "a\n\x1b[31mb" + "c" * 5000})
    assert line.startswith("NCCL_DEBUG=a␊␛[31mb")
    assert len(line) < 500


def test_the_lists_are_sorted_and_do_not_contradict_each_other() -> None:
    for names in (PREFIXES, NAMES, OWN):
        assert list(names) == sorted(set(names))
    assert not set(NAMES) & set(OWN)


def test_names_tell_what_is_secret() -> None:
    assert all(map(is_secret, ("WANDB_API_KEY", "HF_TOKEN", "AWS_SESSION_TOKEN", "my_password", "DB_PASS")))
    assert not any(map(is_secret, ("NCCL_DEBUG", "WANDB_MODE", "PYTHONPATH")))


def test_the_lists_are_those_of_the_documentation() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "cluster.md").read_text()
    section = text.partition("## What of the environment travels")[2].partition("\nNot `")[0]
    told = set(re.findall(r"`([A-Za-z_]+)`", section))
    assert told == {*PREFIXES, *NAMES}
