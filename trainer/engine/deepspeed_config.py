"""DeepSpeed as this project sets it: its configuration, what it says, and how it lets go of its process group."""

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from trainer.config.deepspeed_keys import ZERO, read_raw
from trainer.config.engine import EngineConfig
from trainer.engine.eager_optimizers import eager
from trainer.engine.fused_adam import FusedAdam

_LARGEST_BUCKET = 500_000_000
"""DeepSpeed's own."""


def to_deepspeed(
    config: EngineConfig, *, batch_size_per_gpu: int, dtype: torch.dtype, weights: Sequence[nn.Parameter]
) -> dict[str, Any]:
    """DeepSpeed's configuration of one player computing in `dtype`; every key that changes results is written out.

    Args:
        weights: what the player trains.
    """
    lowered = dtype != torch.float32
    raw = read_raw(config.raw, zero_stage=config.zero_stage)
    return {
        "train_micro_batch_size_per_gpu": batch_size_per_gpu,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "gradient_clipping": config.gradient_clipping,  # DeepSpeed's own default is 1.0
        "zero_allow_untested_optimizer": True,
        # torch's fused Adam steps offloaded weights as well, without an operator to be compiled.
        "zero_force_ds_cpu_optimizer": False,
        "prescale_gradients": False,
        # Weights stay float32; autocast lowers the arithmetic and, with ZeRO, what is sent between ranks.
        "bf16": {"enabled": False},
        "fp16": {"enabled": False},
        "torch_autocast": {
            "enabled": lowered,
            "dtype": str(dtype if lowered else torch.bfloat16).removeprefix("torch."),
        },
        "steps_per_print": None,
        "wall_clock_breakdown": False,
        **raw,
        ZERO: _zero(config, dtype=dtype, weights=weights) | raw.get(ZERO, {}),
    }


def _zero(config: EngineConfig, *, dtype: torch.dtype, weights: Sequence[nn.Parameter]) -> dict[str, Any]:
    """What is split over the ranks, and how its parts are sent."""
    num_weights = sum(weight.numel() for weight in weights)
    stage = config.zero_stage
    # ZeRO 1 to 3 allocate the whole bucket for each player: 2 GB of float32, for networks of some 50 MB.
    zero: dict[str, Any] = {
        "stage": stage,
        "reduce_bucket_size": config.reduce_bucket_size or min(num_weights, _LARGEST_BUCKET),
        "allgather_bucket_size": config.allgather_bucket_size or _LARGEST_BUCKET,
        "contiguous_gradients": config.contiguous_gradients,
        "round_robin_gradients": config.round_robin_gradients,
        "overlap_comm": {"auto": None, "on": True, "off": False}[config.overlap_comm],
    }
    place = {"device": "cpu", "pin_memory": weights[0].is_cuda}
    if config.offload_optimizer:
        zero["offload_optimizer"] = place
    if config.offload_parameters:
        zero["offload_param"] = place
    return zero


def quieten_deepspeed() -> None:
    """Keep information lines out of the user's progress display; DeepSpeed's warnings stay, but for one.

    With ZeRO it calls any optimizer untested whose class it does not know: `FusedAdam` is torch's Adam, which it knows.
    torch warns that there is no CUDA when it loads DeepSpeed's CPU operator, for which none is needed; and, in every
    step at ZeRO 3, that DeepSpeed calls some of its collectives by former names.
    """
    warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning)
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    from deepspeed.runtime.zero.utils import ZERO_SUPPORTED_OPTIMIZERS
    from deepspeed.utils import logger

    for kind in (FusedAdam, eager(FusedAdam)):
        if kind not in ZERO_SUPPORTED_OPTIMIZERS:
            ZERO_SUPPORTED_OPTIMIZERS.append(kind)
    logger.setLevel(logging.WARNING)


def forget_world() -> None:
    """Make DeepSpeed let go of the process group, before it is left: else none can be trained with after another."""
    if "deepspeed" not in sys.modules or not torch.distributed.is_initialized():
        return
    from deepspeed import comm

    if comm.is_initialized():
        comm.destroy_process_group()
