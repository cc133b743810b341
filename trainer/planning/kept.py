"""Feature maps: what autograd keeps of a forward pass for the backward pass, by the network that made it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from trainer.planning.calls import around_calls
from trainer.planning.live import Storages

_NONE = ""
"""Between calls of networks, as in the losses."""


class FeatureMaps:
    """Inside `counted`, what autograd keeps; weights apart, each storage once.

    What several operations keep, or a network makes of it again in the backward pass (activation checkpointing), is
    kept by whoever kept it first.

    Args:
        networks: by name.
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self._networks = dict(networks)
        self._all = Storages()
        self._by_network = {name: Storages() for name in (*networks, _NONE)}
        self._inside = [_NONE]
        self._weights: set[int] = set()

    @property
    def peak(self) -> int:
        """The most bytes that were kept at once."""
        return self._all.peak

    def peak_of(self, network: str) -> int:
        """The most bytes that were kept of one network's calls at once."""
        return self._by_network[network].peak

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Around a forward and a backward pass."""
        self._weights = set(_addresses(self._networks.values()))
        with ExitStack() as stack:
            stack.enter_context(around_calls(self._networks, enter=self._inside.append, leave=self._leave))
            stack.enter_context(torch.autograd.graph.saved_tensors_hooks(self._note, lambda tensor: tensor))
            yield

    def _leave(self, _name: str) -> None:
        self._inside.pop()

    def _note(self, tensor: Tensor) -> Tensor:
        is_weight = hasattr(tensor, "ds_id") or tensor.untyped_storage()._cdata in self._weights  # ds_id: at ZeRO 3
        if not is_weight and self._all.note(tensor):
            self._by_network[self._inside[-1]].note(tensor)
        return tensor.detach()  # torch asks for this: the tensor itself would keep itself alive


def kept_by(network: nn.Module, image: Tensor) -> int:
    """Bytes that autograd keeps of one call."""
    maps = FeatureMaps({"network": network})
    with maps.counted():
        made = network(image)
    assert made is not None  # its graph holds them
    return maps.peak


def _addresses(networks: Iterable[nn.Module]) -> Iterator[int]:
    for network in networks:
        yield from (weight.untyped_storage()._cdata for weight in network.parameters())
