"""Being told when networks are called, by whomever, and when they are done."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from torch import nn

Listener = Callable[[str], None]


@contextmanager
def around_calls(networks: Mapping[str, nn.Module], *, enter: Listener, leave: Listener) -> Iterator[None]:
    """Inside, `enter(name)` before each call of a network and `leave(name)` after it, also one that fails."""
    handles = []
    for name, network in networks.items():
        handles.append(network.register_forward_pre_hook(partial(_tell, enter, name)))
        handles.append(network.register_forward_hook(partial(_tell, leave, name), always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tell(listener: Listener, name: str, *_of_the_call: object) -> None:
    listener(name)
