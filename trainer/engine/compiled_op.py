"""DeepSpeed's compiled op: loaded as it lies there if it was made for this torch, else compiled.

Left alone, DeepSpeed asks torch, which asks the compiler for its version and ninja whether anything has changed: at
every start, under a lock that one rank after another takes. ninja takes another path to the same environment for a
change, so that links to one environment compile the op in turn.
"""

import contextlib
import hashlib
import io
import json
import platform
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from sharding.storage.files import read_regular, write_atomically
from trainer.config.errors import ConfigError
from trainer.engine.extensions import COMMUNICATION_OP, VARIABLE, can_write, compiled_op

_MADE_FOR = "made-for.json"
_MOST_BYTES = 2**16


def load_op(folder: Path) -> None:
    """Load the communication op from a folder of extensions, compiled anew if it is not there or was made for others.

    DeepSpeed must be set to the CPU. Where the folder cannot be written, what is there is loaded.

    Raises:
        ConfigError: the folder cannot be written, and the op is not compiled there, or for another version of torch.
        RuntimeError: the compiler failed; the message holds what it said.
    """
    library = compiled_op(folder)
    if not can_write(library.parent):
        _load_read_only(library, folder)
    elif is_made_for_this(library):
        _load_library(library)
    else:
        from deepspeed.ops.op_builder.cpu import ShareMemCommBuilder

        with contextlib.redirect_stdout(io.StringIO()):  # it tells how long it took, loading included
            ShareMemCommBuilder().load(verbose=False)
        note_made_for_this(library)


def note_made_for_this(library: Path) -> None:
    """Write beside the library what it was made for. Raises OSError if it cannot be written, or is not there."""
    write_atomically(library.with_name(_MADE_FOR), _made_for(library), durable=False)


def is_made_for_this(library: Path) -> bool:
    """Whether just this file was made for the torch, the DeepSpeed and the Python that run."""
    try:
        noted = read_regular(library.with_name(_MADE_FOR), most=_MOST_BYTES)
        return noted == _made_for(library)
    except OSError:  # not compiled yet, or by a former version, which noted nothing
        return False


def _made_for(library: Path) -> bytes:
    from importlib.metadata import version

    versions = {name: version(name) for name in ("torch", "deepspeed")}
    python = {"python": sys.implementation.cache_tag, "machine": platform.machine()}
    return json.dumps({**versions, **python, "sha256": hashlib.sha256(library.read_bytes()).hexdigest()}).encode()


def _load_read_only(library: Path, folder: Path) -> None:
    remedy = "that folder cannot be written: set the variable to one that can be, or run `make setup` as its owner."
    if not library.is_file():
        raise ConfigError(VARIABLE, str(folder), f"DeepSpeed's op is not compiled there, and {remedy}")
    try:
        _load_library(library)
    except ImportError as error:
        raise ConfigError(VARIABLE, str(folder), f"{library} does not load ({error}), and {remedy}") from error


def _load_library(library: Path) -> None:
    """Raises ImportError if it is no such library, or for another torch."""
    import torch  # noqa: F401  (the library needs what it loads)
    from deepspeed import ops
    from deepspeed.ops.op_builder.builder import OpBuilder

    loader = ExtensionFileLoader(COMMUNICATION_OP, str(library))
    spec = spec_from_loader(COMMUNICATION_OP, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    OpBuilder._loaded_ops[COMMUNICATION_OP] = module  # where DeepSpeed looks before it asks torch
    # Else it asks the compiler about each of its operators, to learn of this one whether it could be compiled.
    ops.__dict__.setdefault("__compatible_ops__", {COMMUNICATION_OP: True})
