"""How much arithmetic a step is, counted once, and how much the device could do in that time."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import torch

from trainer.engine.compiled import uncompiled

_PEAKS = {
    "V100": (125, None, 15.7, 15.7),
    "T4": (65, None, 8.1, 8.1),
    "A100": (312, 312, 156, 19.5),
    "A10": (125, 125, 62.5, 31.2),
    "A40": (149.7, 149.7, 74.8, 37.4),
    "RTX A6000": (154.8, 154.8, 77.4, 38.7),
    "RTX 3090": (71, 71, 35.6, 35.6),
    "RTX 4090": (165.2, 165.2, 82.6, 82.6),
    "L4": (121, 121, 60, 30.3),
    "L40S": (362, 362, 183, 91.6),
    "H100": (989.4, 989.4, 494.7, 66.9),
    "H100 PCIe": (756, 756, 378, 51),
    "H100 NVL": (835, 835, 417.5, 60),
    "H200": (989.4, 989.4, 494.7, 66.9),
    "B200": (2250, 2250, 1125, 75),
}
"""Dense TFLOP/s of NVIDIA's data sheets, by what device names hold: float16, bfloat16, float32 by TF32, float32."""
_SIDE = 512
"""Of the matrices whose product tells what a CPU can do: they fit in its cache."""
_TRIES = 3


class FlopCount:
    """Counts the floating-point operations of some steps: products and convolutions, forward and backward.

    A multiplication with its addition is two. What is computed twice to save memory counts twice. Compiled networks run
    uncompiled meanwhile: torch sees no operation in what is compiled, and refuses to trace under a counter.
    """

    def __init__(self) -> None:
        self.total = 0
        """Of all steps that were counted."""
        self._num_images = 0
        self._so_far = lambda: 0

    @contextmanager
    def step(self, num_images: int) -> Iterator[None]:
        """Inside, one step on so many images of this rank."""
        from torch.utils.flop_counter import FlopCounterMode  # brings Triton's parts, which take seconds

        counter = FlopCounterMode(display=False)
        counter.mod_tracker = _NoModules()  # pyright: ignore[reportAttributeAccessIssue]
        with uncompiled(), counter:
            self._so_far = counter.get_total_flops
            yield
        self.total += counter.get_total_flops()
        self._num_images += num_images

    @property
    def so_far(self) -> int:
        """Of the step that is being counted, or was last."""
        return self._so_far()

    @property
    def per_image(self) -> float:
        """Of all players; 0 before a step was counted."""
        return self.total / max(1, self._num_images)


class _NoModules(AbstractContextManager[None]):
    """In place of what tells torch's counter which module is at work: its hooks fail under a gradient penalty, whose
    `autograd.grad` ends in images, which are leaves."""

    parents = ("Global",)

    def __exit__(self, *error: object) -> None: ...


def peak_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """What a rank's device can do in a second: a GPU by a table, a CPU by its fastest matrix product just now.

    None of a GPU that the table has not, or of a format that the GPU has not.
    """
    if device.type == "cuda":
        return listed_peak(
            torch.cuda.get_device_name(device), dtype, tf32=torch.backends.cuda.matmul.allow_tf32 is True
        )
    return _measured_peak(dtype, torch.get_num_threads())


def listed_peak(name: str, dtype: torch.dtype, *, tf32: bool) -> float | None:
    """Of the GPU whose name the table has: of several the longest."""
    found = max((part for part in _PEAKS if _is_named(part, name)), key=len, default=None)
    if found is None:
        return None
    columns = {torch.float16: 0, torch.bfloat16: 1}
    teraflops = _PEAKS[found][columns.get(dtype, 2 if tf32 else 3)]
    return None if teraflops is None else teraflops * 1e12


def _is_named(part: str, name: str) -> bool:
    words, wanted = name.replace("-", " ").split(), part.split()
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words))) or set(wanted) <= set(words)


@cache
def _measured_peak(dtype: torch.dtype, _num_threads: int) -> float:
    matrix = torch.ones(_SIDE, _SIDE, dtype=dtype)
    torch.mm(matrix, matrix)
    times = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        torch.mm(matrix, matrix)
        times.append(time.perf_counter() - began)
    return 2 * _SIDE**3 / min(times)
