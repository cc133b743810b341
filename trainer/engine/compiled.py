"""Networks that torch.compile makes faster: fewer kernels, and with CUDA graphs one launch for many."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from trainer.config.engine import Compile
from trainer.config.errors import ConfigError
from trainer.engine.extensions import extensions_dir

BACKEND = "inductor"
MOST_VARIANTS = 64
"""Of one function, before torch would go on without compiling: a network is called with and without gradients of its
weights and its input, in two modes, and with the last images of a split, which are fewer."""
VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def compile_networks(networks: nn.ModuleDict, mode: Compile, device: torch.device) -> None:
    """Compile each network in place at its first call, forward and backward; its names in a state dict stay.

    What was compiled is kept beside DeepSpeed's op, so that the next start of the run finds it. Dropout draws what it
    draws uncompiled. Copies of a network, as the moving average, are not compiled.

    Raises:
        ConfigError: on a CPU, if nothing there compiles C++.
    """
    if device.type == "cpu":
        _require_compiler()
    import torch._dynamo.config
    import torch._inductor.config

    os.environ.setdefault(VARIABLE, str(extensions_dir() / "inductor"))
    torch._dynamo.config.recompile_limit = MOST_VARIANTS
    torch._inductor.config.fallback_random = True  # its own generator would draw other masks, and not by our seeds
    options = {} if mode == "default" or BACKEND != "inductor" else {"mode": mode}
    for network in networks.values():
        # A network that cannot be traced as a whole is an error: torch would run all of it uncompiled, in silence.
        network.compile(backend=BACKEND, fullgraph=True, dynamic=False, **options)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Inside, networks compute as if they had not been compiled, to the same results."""
    if "torch._dynamo" not in sys.modules:  # then none is, and to load it takes a second
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def _require_compiler() -> None:
    if not any(map(shutil.which, filter(None, (os.environ.get("CXX"), "g++", "clang++")))):
        raise ConfigError("engine.compile", "default", "needs a C++ compiler on a CPU; install g++, or use off.")
