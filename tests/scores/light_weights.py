"""Files of weights of real architectures, with numbers of no training, that take little space and time to make."""

from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

_MOST = 70_000  # numbers of their own in a tensor


def bare(name: str) -> Any:
    """torchvision's network without weights."""
    kwargs: dict[str, Any] = {"aux_logits": False, "init_weights": False, "num_classes": 1008}
    with torch.device("meta"):
        if name == "inception":
            return torchvision.models.inception_v3(weights=None, **kwargs)
        return getattr(torchvision.models, name)(weights=None)


def light_weights(network: nn.Module) -> dict[str, Tensor]:
    """Weights in which many are the same number, stored once."""
    generator = torch.Generator().manual_seed(0)
    return {name: _light(name, value.shape, generator) for name, value in network.state_dict().items()}


def write_weights(folder: Path, name: str) -> Path:
    """The file of an encoder."""
    path = folder / f"{name}.pth"
    torch.save(light_weights(bare(name)), path)
    return path


def _light(name: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        return torch.ones(shape)
    if len(shape) < 2:
        return torch.randn(shape, generator=generator) / 10
    own = shape[:2] if shape[:2].numel() < _MOST else (shape[0], 1)
    few = torch.randn(own, generator=generator) * (2 / shape[1:].numel()) ** 0.5
    return few.reshape(*own, *[1] * (len(shape) - 2)).expand(shape)
