"""How many GPUs and cores a run can use, asked without importing torch (which takes seconds)."""

import os
from typing import TYPE_CHECKING, Literal

from trainer.config.errors import ConfigError

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda"]
"""What a command that starts no ranks is told of the device: `auto` is a GPU if there is one."""


def count_gpus() -> int:
    """NVIDIA GPUs of this machine that CUDA_VISIBLE_DEVICES leaves visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and not visible.strip(" ,-1"):
        return 0
    import pynvml  # not above: whoever asks for help alone does not wait for it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver, so no GPU
        return 0
    try:
        present = pynvml.nvmlDeviceGetCount()
    finally:
        pynvml.nvmlShutdown()
    return present if visible is None else min(present, len(visible.split(",")))


def describe_gpus() -> list[str]:
    """Name and memory of each GPU that is visible, as its driver has them; empty if there is none."""
    number = count_gpus()
    if number == 0:
        return []
    import pynvml

    pynvml.nvmlInit()
    try:
        found = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in _visible(pynvml.nvmlDeviceGetCount(), number)]
        return [
            f"{pynvml.nvmlDeviceGetName(gpu)} {int(pynvml.nvmlDeviceGetMemoryInfo(gpu).total) / 2**30:.0f} GiB"
            for gpu in found
        ]
    finally:
        pynvml.nvmlShutdown()


def _visible(present: int, number: int) -> list[int]:
    """The first of those that CUDA_VISIBLE_DEVICES names by number, else simply the first."""
    words = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    named = [int(word) for word in words if word.strip().isdigit() and int(word) < present]
    return named[:number] if named else list(range(number))


def count_cores() -> int:
    """CPU cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def choose_device(name: Device) -> "torch.device":
    """Raises ConfigError if a GPU is asked for and there is none."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device", name, "this machine shows no CUDA device; use auto or cpu.")
    return torch.device("cpu") if name == "cpu" or not torch.cuda.is_available() else torch.device("cuda", 0)
