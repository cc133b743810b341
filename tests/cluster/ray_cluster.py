"""A Ray cluster of several machines, for tests."""

import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sharding.work.local_ray import private_folder
from tests.cluster.namespaces import Machine

PORT = 6379
ATTEMPTS = 3
"""Ray gives itself 30 s to come up, which are too few on a busy machine."""
SOON = {f"RAY_health_check_{name}": "1000" for name in ("period_ms", "timeout_ms")}
"""A machine that is gone is known to be after 3 s instead of some 50."""


@contextmanager
def ray_cluster(machines: list[Machine]) -> Iterator[dict[str, str]]:
    """All machines, one CPU each, the head on the first. Yields variables for those who are let in."""
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    variables |= {"RAY_gcs_server_port_wait_time_s": "120", "RAY_worker_niceness": "0"}
    head, *others = machines
    with private_folder() as folder:
        try:
            _start(head, folder, variables, "--head", f"--port={PORT}", "--include-dashboard=false")
            address = f"--address={head.address}:{PORT}"
            with ThreadPoolExecutor() as threads:
                list(threads.map(lambda machine: _start(machine, folder, variables, address), others))
            yield variables
        finally:
            for machine in machines:
                machine.kill()


def _start(machine: Machine, folder: Path, variables: dict[str, str], *where: str) -> None:
    said = ""
    for _ in range(ATTEMPTS):
        done = machine.run(
            *("ray", "start", *where, f"--node-ip-address={machine.address}"),
            *(f"--temp-dir={folder / machine.name}", "--num-cpus=1", "--object-store-memory=80000000"),
            env=variables | SOON | {"RAY_health_check_failure_threshold": "3", "PYTHONPATH": ""},
            stdin=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            return
        said = done.stdout + done.stderr
        machine.kill()
    raise AssertionError(said)
