"""DeepSpeed's compiled op in an installation that cannot be written."""

from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from trainer.config.errors import ConfigError
from trainer.engine.extensions import COMMUNICATION_OP, VARIABLE, can_write, compiled_op


def load_read_only(folder: Path) -> None:
    """Load the communication op from a folder that cannot be written, if this is one; torch must be imported.

    torch writes a lock beside an op even to load it, and looks whether it must be compiled anew, which cannot be here.

    Raises:
        ConfigError: it is not compiled there, or for another version of torch.
    """
    library = compiled_op(folder)
    if can_write(library.parent):
        return
    remedy = "that folder cannot be written: set the variable to one that can be, or run `make setup` as its owner."
    if not library.is_file():
        raise ConfigError(VARIABLE, str(folder), f"DeepSpeed's op is not compiled there, and {remedy}")
    from deepspeed.ops.op_builder.builder import OpBuilder

    loader = ExtensionFileLoader(COMMUNICATION_OP, str(library))
    spec = spec_from_loader(COMMUNICATION_OP, loader)
    assert spec is not None
    try:
        module = module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise ConfigError(VARIABLE, str(folder), f"{library} does not load ({error}), and {remedy}") from error
    OpBuilder._loaded_ops[COMMUNICATION_OP] = module  # where DeepSpeed looks before it asks torch
