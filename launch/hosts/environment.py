"""Which of this process's environment variables the other hosts get, and which of those are secret."""

import re
from collections.abc import Mapping, Sequence

from sharding.console import one_line
from sharding.storage.place import masked
from trainer.config.errors import ConfigError

PREFIXES = (
    "AWS_",
    "CUBLAS_",
    "CUDNN_",
    "DALI_",
    "DIPTYCH_",
    "DS_",
    "FI_",
    "GCSFS_",
    "GLOO_",
    "GOMP_",
    "GOOGLE_",
    "HF_",
    "KMP_",
    "MKL_",
    "NCCL_",
    "NVIDIA_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "PYTORCH_",
    "STORAGE_EMULATOR_",
    "TORCH_",
    "UCX_",
    "WANDB_",
)
"""Of names: settings of what training stands on, which should be the same everywhere."""

NAMES = (
    "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_MODULE_LOADING",
    "CURL_CA_BUNDLE",
    "FSSPEC_CONFIG_DIR",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NETRC",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTHONWARNINGS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
    "XDG_CACHE_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
"""Further names; proxies in capitals, too."""

OWN = (
    "DIPTYCH_ADDRESS",
    "DIPTYCH_ATTEMPT",
    "DIPTYCH_ERROR_FILE",
    "DIPTYCH_HOST",
    "DIPTYCH_LIFELINE",
    "DIPTYCH_LISTEN_FD",
    "DIPTYCH_STORE",
    "DIPTYCH_TOKEN",
    "DS_ACCELERATOR",
    "GLOO_SOCKET_IFNAME",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "NCCL_SOCKET_IFNAME",
    "NVIDIA_VISIBLE_DEVICES",
    "RANK",
    "WORLD_SIZE",
)
"""Each host's or each rank's own, which the launcher or the rank itself sets."""

EARLY = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH")
"""What a process must have from its first moment: it stands in the command, where others can see it."""

MASK = "***"
_LONGEST_SHOWN = 400
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|SIGNATURE|WEBHOOK", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")


def travels(name: str) -> bool:
    """Whether a variable goes to the other hosts without being asked for."""
    names = {*NAMES, *(each.upper() for each in NAMES if each.endswith("_proxy"))}
    return name not in OWN and (name in names or name.startswith(PREFIXES))


def forwarded(environ: Mapping[str, str], *, also: Sequence[str] = ()) -> dict[str, str]:
    """The variables that other hosts get, by name.

    Args:
        also: names of `--env`.

    Raises:
        ConfigError: what is asked for is no name, is not set, or is the launcher's to set.
    """
    for name in also:
        if _IDENTIFIER.fullmatch(name) is None:
            remedy = (
                "give the name alone, as in --env NAME, and set it before: a value would stand in the process list."
            )
            raise ConfigError("env", name.partition("=")[0], remedy)
        if name in OWN:
            raise ConfigError("env", name, "is set by the launcher for each host: leave it away.")
        if name not in environ:
            raise ConfigError("env", name, f"is not set here; set it, as by `export {name}=...`, or leave it away.")
    return {name: environ[name] for name in sorted(environ) if travels(name) or name in also}


def early(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of `EARLY` among them."""
    return {name: value for name, value in variables.items() if name in EARLY}


def is_secret(name: str) -> bool:
    """Whether a variable's value is shown nowhere, as its name tells."""
    return _SECRET.search(name) is not None


def shown(variables: Mapping[str, str]) -> list[str]:
    """`NAME=value` of each, to be printed: secrets, and what only the user knows the sense of, are masked."""
    return [f"{name}={_shown_value(name, value)}" for name, value in variables.items()]


def _shown_value(name: str, value: str) -> str:
    if is_secret(name) or not travels(name):
        return MASK
    line = one_line(masked(value))
    return line if len(line) <= _LONGEST_SHOWN else line[:_LONGEST_SHOWN] + "…"
