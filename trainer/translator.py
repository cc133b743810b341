"""A trained run, ready to translate: the averaged generator of a checkpoint, without DeepSpeed."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from sharding.manifest import read_manifest
from trainer.checkpoint import EMA_FILE, latest_checkpoint
from trainer.config import ConfigError, RunConfig
from trainer.ema import MovingAverage
from trainer.methods.base import Method, build_method
from trainer.precision import autocasting, fastest_format, resolve_precision
from trainer.rundir import RunDir

Translate = Callable[[Tensor], Tensor]
"""(N, C, H, W) of view a in [-1, 1], float32 on the device -> view b likewise; H and W multiples of the stride."""


def averaged_translate(method: Method, average: MovingAverage, *, config: RunConfig, device: torch.device) -> Translate:
    """Translation by the averaged generators, as the method does it at test time, in the run's precision.

    A method may use noise (dropout): seed torch for repeatable results.
    """
    dtype = resolve_precision(config.engine, device)
    layout = fastest_format(dtype, device)
    networks = {name: autocasting(network, device=device, dtype=dtype) for name, network in average.networks.items()}
    for network in average.networks.values():
        network.to(memory_format=layout).train(method.trains_at_test_time)

    @torch.inference_mode()
    def translate(image: Tensor) -> Tensor:
        return method.translate(networks, image.contiguous(memory_format=layout))

    return translate


def load_translate(run: RunDir, *, device: torch.device, checkpoint: Path | None = None) -> tuple[Translate, int]:
    """The translation of a run's newest (or the given) checkpoint, and the position (images) it was made at.

    Raises:
        ConfigError: there is no run or no complete checkpoint there.
    """
    config = run.config()
    folder = checkpoint or latest_checkpoint(run.checkpoints)
    if folder is None:
        raise ConfigError("run", str(run.path), "has no complete checkpoint yet; train it further.")
    if not (folder / EMA_FILE).is_file():
        raise ConfigError("checkpoint", str(folder), f"holds no {EMA_FILE}; give a folder in {run.checkpoints}.")
    views = read_manifest(config.data.path).views
    method = build_method(
        config.method,
        channels_a=views[config.data.view_a].channels,
        channels_b=views[config.data.view_b].channels,
    )
    networks = {name: networks[name] for networks in method.players.values() for name in networks}
    average = MovingAverage({name: networks[name] for name in method.generators}, half_life_kimg=0)
    average.load_state_dict(torch.load(folder / EMA_FILE, map_location="cpu", weights_only=True))
    for network in average.networks.values():
        network.to(device)
    return averaged_translate(method, average, config=config, device=device), int(folder.name)
