"""Weights that take no gradient for a while, and are afterwards what they were."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from torch import nn


class FlagsAsNow(AbstractContextManager[None]):
    """Inside, parameters take gradients or not as when this was made; outside, as if nothing was."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._flags = [(parameter, parameter.requires_grad) for parameter in parameters]
        self._outside: list[list[bool]] = []

    def __enter__(self) -> None:
        # A list of lists: activations may be recomputed within a recomputation.
        self._outside.append([parameter.requires_grad for parameter, _ in self._flags])
        for parameter, flag in self._flags:
            parameter.requires_grad_(flag)

    def __exit__(self, *error: object) -> None:
        for (parameter, _), flag in zip(self._flags, self._outside.pop(), strict=True):
            parameter.requires_grad_(flag)


@contextmanager
def without_gradients(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Inside, parameters take no gradients; outside, those that did do so again, and those that did not do not."""
    parameters = list(parameters)
    with FlagsAsNow(parameters):
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
