"""Compile DeepSpeed's CPU communication op once, so that no training run waits for a compiler.

DeepSpeed loads the op `deepspeed_shm_comm` whenever it runs on the CPU, and compiles it if it is not there: 1.5
minutes on two free cores, 5 on busy ones. Ranks that start together wait for each other on the file `lock`.
Since torch 2.14 that is a lock of the kernel, which a killed build releases; the file stays behind and belongs to
nobody. So it is not removed here: that could only let two builds into one folder.
"""

import os
import sys
import time

from sharding.console import make_console
from trainer.config.errors import ConfigError
from trainer.engine.compiled_op import load_op
from trainer.engine.extensions import COMMUNICATION_OP, extensions_dir, use_extensions


def build_communication_op() -> float:
    """Compile, if it is not yet compiled, and load the op; the seconds it took.

    Raises:
        ConfigError: it is not there, and cannot be written there.
        RuntimeError: the compiler failed; the message holds what it said.
    """
    os.environ["DS_ACCELERATOR"] = "cpu"  # read when deepspeed is imported; on a GPU it would offer other ops
    start = time.monotonic()
    load_op(extensions_dir())
    return time.monotonic() - start


def main() -> None:
    """Build into `extensions_dir()` and say so. Exits with a remedy if the compiler fails."""
    console = make_console()
    folder = use_extensions() / COMMUNICATION_OP
    if not (folder / f"{COMMUNICATION_OP}.so").is_file():
        console.print(f"Compiling DeepSpeed's communication op, once, 1 to 5 minutes, into {folder}")
    try:
        seconds = build_communication_op()
    except ConfigError as error:
        console.error(error)
        sys.exit(1)
    except (RuntimeError, ImportError) as error:
        make_console(stderr=True).print(str(error))
        sys.exit(
            f"DeepSpeed's communication op could not be compiled into {folder}: see the message above. "
            "Install a compiler and Python's headers (Debian: g++ python3-dev), see that 2 GB of memory are "
            "free, remove that folder, and run `make setup` again."
        )
    console.print(f"DeepSpeed's communication op is ready ({seconds:.1f} s).")


if __name__ == "__main__":
    main()
