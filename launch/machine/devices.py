"""How many GPUs and cores a run can use, asked without importing torch (which takes seconds)."""

import os


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


def count_cores() -> int:
    """CPU cores that this process may run on."""
    return len(os.sched_getaffinity(0))
