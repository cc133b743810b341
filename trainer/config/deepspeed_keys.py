"""Keys of DeepSpeed's configuration that a run may set itself (`engine.raw`), and why it may not set the others.

DeepSpeed passes over keys that it does not know, in silence. The names here are those of its version 0.19.8; a test
compares them with the installed one, because this module must not load it.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import inf
from typing import Any

from sharding.storage.strict_json import load_json
from trainer.config.errors import ConfigError

ZERO = "zero_optimization"
Free = dict[str, tuple[type, tuple[int, ...]]]
FREE: Free = {
    "gradient_predivide_factor": (float, (1,)),
    "prescale_gradients": (bool, (1,)),
}
"""What may be set: its type, and at which stages of ZeRO it does something. `tests/distributed/test_all_options.py` has
compared two ranks with one process for each of them.
"""
FREE_ZERO: Free = {
    "allgather_partitions": (bool, (1, 2)),
    "enable_sanity_checks": (bool, (3,)),
    "memory_efficient_linear": (bool, (3,)),
    "parameter_alignment": (bool, (1, 2)),
    "reduce_scatter": (bool, (1, 2, 3)),
    "stage3_allgather_sequential": (bool, (3,)),
    "stage3_max_live_parameters": (int, (3,)),
    "stage3_max_reuse_distance": (int, (3,)),
    "stage3_model_persistence_threshold": (int, (3,)),
    "stage3_param_persistence_threshold": (int, (3,)),
    "stage3_prefetch_bucket_size": (int, (3,)),
    "stage3_use_all_reduce_for_fetch_params": (bool, (3,)),
    "sub_group_size": (int, (3,)),
    "use_multi_rank_bucket_allreduce": (bool, (1, 2)),
}
"""The same within `zero_optimization`."""
_PRECISION = "arithmetic, and what is sent between ranks, is engine.precision's"
_BATCH = "portions of images are train.batch_size_per_gpu's and engine.gradient_accumulation_steps'"
_OPTIMIZER = "each player's optimizer is made from the section `optimizer`"
_LOADS = "checkpoints are written and read in one way, which a resumed run relies on"
_UNTRIED = "results with it were never compared with plain training"
REFUSED: dict[str, str] = {
    "train_batch_size": _BATCH,
    "train_micro_batch_size_per_gpu": _BATCH,
    "gradient_accumulation_steps": _BATCH,
    "managed_gradient_accumulation": _BATCH,
    "gradient_clipping": "use engine.gradient_clipping",
    "gradient_allreduce_op": "sums in place of means would multiply the learning rate by the number of ranks",
    "optimizer": _OPTIMIZER,
    "scheduler": _OPTIMIZER,
    "zero_allow_untested_optimizer": _OPTIMIZER,
    "zero_force_ds_cpu_optimizer": _OPTIMIZER,
    "fp16": _PRECISION,
    "bf16": _PRECISION,
    "torch_autocast": _PRECISION,
    "data_types": _PRECISION,
    "communication_data_type": _PRECISION,
    "activation_checkpointing": "use engine.activation_checkpointing",
    "checkpoint": _LOADS,
    "steps_per_print": "use log.period_kimg",
    **dict.fromkeys(
        ("comms_logger", "dump_state", "flops_profiler", "memory_breakdown", "wall_clock_breakdown"),
        "DeepSpeed's own reports are not shown; use torch.profiler",
    ),
    **dict.fromkeys(("comet", "csv_monitor", "tensorboard", "wandb"), "use log.wandb"),
    **dict.fromkeys(("datastates_ckpt", "nebula"), _LOADS),
    **dict.fromkeys(("amp", "seq_parallel_communication_data_type"), _PRECISION),
    **dict.fromkeys(
        (
            "aio",
            "autotuning",
            "compile",
            "compression_training",
            "curriculum_learning",
            "data_efficiency",
            "dataloader_drop_last",
            "disable_allgather",
            "disable_python_gc",
            "eigenvalue",
            "elasticity",
            "expert_parallel",
            "graph_harvesting",
            "hybrid_engine",
            "log_level",
            "pipeline",
            "progressive_layer_drop",
            "quantize_training",
            "sequence_parallel_size",
            "sparse_attention",
            "sparse_gradients",
            "tensor_parallel",
            "timers",
            "use_data_before_expert_parallelism",
            "vocabulary_size",
            "weight_quantization",
        ),
        _UNTRIED,
    ),
}
"""Known to DeepSpeed, and why they may not be set."""
REFUSED_ZERO: dict[str, str] = {
    "stage": "use engine.zero_stage",
    "contiguous_gradients": "use engine.contiguous_gradients",
    "reduce_bucket_size": "use engine.reduce_bucket_size",
    "allgather_bucket_size": "use engine.allgather_bucket_size",
    "overlap_comm": "use engine.overlap_comm",
    "round_robin_gradients": "use engine.round_robin_gradients",
    "offload_optimizer": "use engine.offload_optimizer",
    "cpu_offload": "use engine.offload_optimizer",
    "offload_param": "use engine.offload_parameters",
    "cpu_offload_param": "use engine.offload_parameters",
    "cpu_offload_use_pin_memory": "memory is pinned where there is a GPU",
    "stage3_module_granularity_threshold": "it fails in the backward pass of networks that share a player",
    "compute_grad_norm": "steps are skipped and clipped by that norm; it is left out where neither is wanted",
    **dict.fromkeys(
        (
            "elastic_checkpoint",
            "load_from_fp32_weights",
            "pipeline_loading_checkpoint",
            "stage3_gather_16bit_weights_on_model_save",
            "stage3_gather_fp16_weights_on_model_save",
        ),
        _LOADS,
    ),
    **dict.fromkeys(
        (
            "ignore_unused_parameters",
            "leaf_module",
            "legacy_stage1",
            "log_trace_cache_warnings",
            "override_module_apply",
            "save_muon_momentum_buffer_in_memory",
            "zenflow",
            "zero_hpz_partition_size",
            "zero_quantized_gradients",
            "zero_quantized_nontrainable_weights",
            "zero_quantized_weights",
        ),
        _UNTRIED,
    ),
}
"""The same within `zero_optimization`."""


def read_raw(text: str, *, zero_stage: int) -> dict[str, Any]:
    """The keys of `engine.raw`, checked.

    Raises:
        ConfigError: it is no JSON object, or a key is unknown, misplaced or refused; names it `raw`.
    """
    try:
        return _read(text, zero_stage=zero_stage)
    except ValueError as error:
        raise ConfigError("raw", text, str(error)) from error


def _read(text: str, *, zero_stage: int) -> dict[str, Any]:
    try:
        values, problems = load_json(text.encode())
    except ValueError as error:
        raise ValueError(f"is no JSON ({error}); use e.g. '{{\"prescale_gradients\": true}}'.") from error
    if problems:
        raise ValueError(f"{problems[0]}.")
    if not isinstance(values, dict) or not isinstance(values.get(ZERO, {}), dict):
        raise ValueError("is no JSON object of DeepSpeed's keys; use {} for none.")
    inner = values.pop(ZERO, {})
    _check_names(values, FREE, REFUSED, zero_stage=zero_stage)
    _check_names(inner, FREE_ZERO, REFUSED_ZERO, zero_stage=zero_stage)
    zero = {key: _of_type(value, FREE_ZERO[key][0], key) for key, value in inner.items()}
    checked = {key: _of_type(value, FREE[key][0], key) for key, value in values.items()}
    return checked | ({ZERO: zero} if zero else {})


def _check_names(keys: Iterable[str], free: Free, refused: Mapping[str, str], *, zero_stage: int) -> None:
    for key in keys:
        if key in refused:
            raise ValueError(f"{key} cannot be set here: {refused[key]}.")
        if key not in free:
            near = get_close_matches(key, [*free, *refused, ZERO], n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(free))}."
            raise ValueError(f"DeepSpeed has no key {key} there; {hint}")
        stages = free[key][1]
        if zero_stage not in stages:
            where = " or ".join(map(str, stages))
            raise ValueError(f"{key} does nothing but at engine.zero_stage = {where}; leave it out.")


def _of_type(value: Any, kind: type, key: str) -> Any:
    """`value` as a number or truth value; 1e6 is a whole number in JSON, too."""
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise ValueError(f"{key} is true or false.")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf
    if kind is int and not (is_number and value == int(value)):
        raise ValueError(f"{key} is a whole number of 0 or more.")
    if kind is float and not (is_number and value > 0):
        raise ValueError(f"{key} is a number of more than 0.")
    return kind(value)
