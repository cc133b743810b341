"""Whether the hosts are fit for a run, asked by ssh before any rank starts: a table, and who is at fault."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launch.doctor.answer import Question
from launch.doctor.compare import Finding
from launch.doctor.hear import Answered, ask_hosts
from launch.doctor.verdict import line_of, say_verdict
from launch.hosts.host import Host
from launch.ranks.ssh import Ssh
from sharding.console import counted
from sharding.storage.place import Place, Url
from trainer.config.errors import ConfigError, require


def check_hosts(
    hosts: Sequence[Host],
    *,
    ssh: Ssh,
    run: Path,
    data: Place | None,
    environment: Callable[[Host], Mapping[str, str]],
    device: str = "auto",
) -> list[Answered]:
    """Ask all hosts what they are like, and print it as a table. Starts nothing there; takes a minute at most.

    Args:
        ssh: how they are reached; its folder is where commands run.
        run: folder of the run, which need not be there yet.
        data: the data set; None if none is asked about.
        environment: what the ranks of a host would have.
        device: as `EngineConfig.device`.

    Returns:
        Their answers, in the order of the hosts: all of them are fit.

    Raises:
        ConfigError: it names each host that does not answer, or is not fit, why, and what would help.
    """

    def question(host: Host) -> Question:
        place = data.text if isinstance(data, Url) else data and str(data)
        return Question(host=host.name, run=str(run), data=place, environment=dict(environment(host)))

    require(
        shutil.which("ssh") is not None, "ssh", "", "is not on PATH here; install openssh-client, or use --node-rank."
    )
    answers = ask_hosts(hosts, ssh=ssh, question=question)
    heard = [answer.heard for answer in answers if answer.heard is not None]
    absent = [Finding(host=each.host.name, text=each.problem) for each in answers if each.heard is None]
    require_fit([*absent, *say_verdict(heard, device=device)])
    return answers


def require_fit(fatal: Sequence[Finding]) -> None:
    """Raise ConfigError for what training would fail of, if there is anything."""
    if fatal:
        names = list(dict.fromkeys(finding.host for finding in fatal))
        lines = "".join(f"\n  {line_of(finding)}" for finding in fatal)
        verdict = f"{counted(len(names), 'host is', 'hosts are')} not fit. No rank was started.{lines}"
        raise ConfigError("hosts", ", ".join(names), verdict)
