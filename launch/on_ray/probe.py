"""`python -m launch.on_ray.probe HOST:PORT`: ends with status 0 if a Ray cluster answers there and takes our token.

In a process of its own, which can be ended: Ray goes on trying for minutes, and says why in its log only.
"""

import subprocess
import sys
import threading

from launch.ranks.interpreter import module_command
from trainer.config.errors import ConfigError

_PATIENCE_S = 20.0
_REFUSED = "InvalidAuthToken"
_NO_TOKEN = "no authentication token"


def probe(address: str) -> None:
    """Check that a Ray cluster answers at `host:port`.

    Raises:
        ConfigError: it does not, or does not take the token that this user has.
    """
    process = subprocess.Popen(
        module_command("launch.on_ray.probe", address), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    timer = threading.Timer(_PATIENCE_S, process.kill)
    timer.start()
    said = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if _REFUSED in line:
                break
    finally:
        timer.cancel()
        process.kill()
        status = process.wait()
    if _REFUSED in said or _NO_TOKEN in said.lower():
        remedy = (
            "the Ray cluster there does not take your token: set RAY_AUTH_MODE=token, and put the cluster's own into "
            "~/.ray/auth_token, or where RAY_AUTH_TOKEN_PATH says."
        )
        raise ConfigError("ray", address, remedy)
    if _ANSWERS not in said:
        last = said.strip().rpartition("\n")[2] or f"no answer within {_PATIENCE_S:.0f} s, status {status}"
        raise ConfigError("ray", address, f"something listens there, but no Ray cluster answers ({last}).")


_ANSWERS = "a Ray cluster answers"

if __name__ == "__main__":
    from ray._raylet import GcsClient  # pyright: ignore[reportAttributeAccessIssue]  compiled

    GcsClient(address=sys.argv[1]).get_all_node_info(timeout=_PATIENCE_S)
    sys.stdout.write(f"{_ANSWERS}\n")
