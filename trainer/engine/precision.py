"""The arithmetic of networks: weights and losses stay float32, autocast lowers what is in between."""

import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from trainer.config.engine import EngineConfig
from trainer.methods.base import Network

_LOWERED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def resolve_precision(config: EngineConfig, device: torch.device) -> torch.dtype:
    """The dtype of convolutions on `device`; `auto` is bf16 where the hardware computes in it, else float32.

    A CPU without AVX512-BF16 emulates bf16: measured 25 times slower than float32 (128 px, AMD EPYC Milan).
    """
    if config.precision != "auto":
        return _DTYPES[config.precision]
    native = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else _cpu_has_bf16()
    return torch.bfloat16 if native else torch.float32


def _cpu_has_bf16() -> bool:
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()  # which oneDNN's convolutions keep to
    if limit not in ("ALL", "DEFAULT") and not limit.endswith(("BF16", "AMX", "AMX_FP16")):
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def use_tf32(allowed: bool) -> None:
    """Whether GPUs may round what they multiply in float32 to TF32; for all of this process. Nothing to a CPU."""
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


def fastest_format(dtype: torch.dtype, device: torch.device) -> torch.memory_format:
    """The layout of images and weights in which convolutions are fastest.

    `channels_last` is what tensor cores and a CPU's bf16 units want. In float32 on a CPU it is no faster.
    """
    lowered = device.type == "cuda" or dtype != torch.float32
    return torch.channels_last if lowered else torch.contiguous_format


def lower_weights(network: nn.Module, dtype: torch.dtype) -> None:
    """Keep in `dtype` the weights that autocast would lower at each call, for networks that learn no more: equal bits.

    Only of plain layers: what a parametrisation computes of its weights it computes in float32.
    """
    for layer in network.modules():
        if type(layer) in _LOWERED:
            layer.to(dtype)


def autocasting(network: Network, *, device: torch.device, dtype: torch.dtype) -> Network:
    """`network` computing in `dtype`, with float32 in and out, whatever tuples it returns.

    DeepSpeed's `torch_autocast` acts only inside an engine's own forward: a rival or a moving average, called as a
    plain module, would silently compute in float32.
    """

    def call(*inputs: Tensor) -> Any:
        with torch.autocast(device.type, dtype=dtype, enabled=True):
            return tree_map_only(Tensor, Tensor.float, network(*inputs))

    return call if dtype != torch.float32 else network
