"""What a step spends its time on: each operation of torch with its kind, its arithmetic and its time.

Operations are seen below autograd, so those of the backward pass, of autocast and of the optimizer are there as well.
What is between them (Python, autograd's graph, DeepSpeed) is what a step takes beyond their sum.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

_KINDS = {
    "norm": ("batch_norm", "group_norm", "layer_norm", "var_mean"),
    "activation": ("relu", "threshold_backward", "tanh", "sigmoid", "dropout", "bernoulli", "softplus", "clamp_min"),
    "optimizer": ("_fused_", "_foreach_"),
    "cast": ("_to_copy",),
    "copy": ("copy_", "clone", "cat", "stack", "pad", "roll", "constant_pad", "index"),
    "sum of gradients": ("add_", "zero_"),
    "product": ("mm", "addmm", "bmm"),
}
"""Kind of operation by parts of names, looked at in this order; convolutions have kinds of their own."""
_NO_WORK = ("view", "as_strided", "detach", "transpose", "permute", "alias", "empty", "expand", "slice", "unsqueeze")
REST = "losses and other"


@dataclass(kw_only=True)
class Spent:
    """On the operations of one kind."""

    calls: int = 0
    flops: int = 0
    seconds: float = 0.0
    """By the clock."""
    processor: float = 0.0
    """Seconds of all threads together."""

    def add(self, other: "Spent") -> None:
        """Sum up."""
        self.calls += other.calls
        self.flops += other.flops
        self.seconds += other.seconds
        self.processor += other.processor


class Operations(TorchDispatchMode):
    """While it is entered, notes the time of each operation."""

    def __init__(self) -> None:
        super().__init__()
        self.by_kind: dict[str, Spent] = defaultdict(Spent)
        self.by_layer: dict[str, Spent] = defaultdict(Spent)
        """Convolutions alone, e.g. `conv 4x4 / 2, 64 to 128, 32 px, backward`."""

    @property
    def flops(self) -> int:
        """Of products and convolutions; a multiplication with its addition is two."""
        return sum(spent.flops for spent in self.by_kind.values())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        began, processor = time.perf_counter(), time.process_time()
        result = func(*args, **(kwargs or {}))
        spent = Spent(calls=1, seconds=time.perf_counter() - began, processor=time.process_time() - processor)
        packet = func.overloadpacket
        if packet in flop_registry:
            spent.flops = flop_registry[packet](*args, **(kwargs or {}), out_val=result)
        name = packet.__name__
        if name.startswith("convolution"):
            is_backward = name.endswith("backward")
            self.by_layer[_layer(args[1:] if is_backward else args, is_backward=is_backward)].add(spent)
        self.by_kind[kind_of(name, args)].add(spent)
        return result


def kind_of(name: str, args: tuple[Any, ...]) -> str:
    """E.g. `conv 4x4 / 2`, `norm`; of convolutions with their direction."""
    if name in ("convolution", "convolution_backward"):
        is_backward = name.endswith("backward")
        weight, stride, is_transposed = _geometry(args[1:] if is_backward else args)
        title = "transposed conv" if is_transposed else "conv"
        return f"{title} {weight.shape[2]}x{weight.shape[3]} / {stride}{', backward' if is_backward else ''}"
    if any(part in name for part in _NO_WORK):
        return "no work"
    return next((kind for kind, parts in _KINDS.items() if any(part in name for part in parts)), REST)


def _geometry(args: tuple[Any, ...]) -> tuple[Tensor, int, bool]:
    """Weight, stride, and whether the convolution is transposed. Both operations have `input, weight, bias, stride`,
    then padding, dilation and whether it is transposed.
    """
    return args[1], args[3][0], bool(args[6])


def _layer(args: tuple[Any, ...], *, is_backward: bool) -> str:
    weight, stride, is_transposed = _geometry(args)
    one, other = weight.shape[:2]
    channels_in, channels_out = (one, other) if is_transposed else (other, one)
    title = "transposed conv" if is_transposed else "conv"
    direction = "backward" if is_backward else "forward"
    size = "x".join(str(side) for side in weight.shape[2:])
    return f"{title} {size} / {stride}, {channels_in} to {channels_out}, {args[0].shape[-1]} px in, {direction}"


def product_rate(dtype: torch.dtype, *, sides: tuple[int, ...] = (512, 1024, 2048), tries: int = 3) -> float:
    """Operations that the largest of these square matrix products does in a processor second, at its best.

    By the processor's time, not the clock's, so that whatever else runs on the machine takes less away.
    """
    best = 0.0
    for side in sides:
        one, other = (torch.randn(side, side).to(dtype) for _ in range(2))
        torch.mm(one, other)
        for _ in range(tries):
            began = time.process_time()
            torch.mm(one, other)
            best = max(best, 2 * side**3 / (time.process_time() - began))
    return best
