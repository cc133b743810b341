"""`python -m launch.doctor.stack`: tries torch, NCCL, DALI, bf16 and W&B of this machine, and prints what it found.

In a process of its own: what is broken there, as a library that does not fit the driver, may end the process.
"""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from launch.ranks.interpreter import module_command
from sharding.storage.records import RecordError, parse_json

_MARK = "diptych-stack "
PATIENCE_S = 180.0
"""torch and DALI take seconds to load, and a minute on a cold file system."""


def look_at_stack(*, patience_s: float = PATIENCE_S) -> tuple[dict[str, Any], str]:
    """What the process found, by the name of what was tried; and why there is nothing, if it did not get so far."""
    command = module_command("launch.doctor.stack")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, str(error)
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    try:
        found: Any = parse_json(lines[-1].removeprefix(_MARK).encode()) if lines else None
    except RecordError:
        found = None
    if isinstance(found, dict):
        return found, ""
    words = done.stderr.strip().splitlines()
    return {}, f"it ended with status {done.returncode}{f': {words[-1]}' if words else ''}"


def main() -> int:
    """Try one thing after the other. Returns the exit status."""
    found = {name: _tried(try_it) for name, try_it in TRIED.items()}
    sys.stdout.write(f"\n{_MARK}{json.dumps(found)}\n")
    return 0


def _tried(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return function()
    except Exception as error:  # whatever a library raises is what its user must know
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def _torch() -> dict[str, Any]:
    import torch
    from torch.cuda import nccl

    from trainer.config.engine import EngineConfig
    from trainer.engine.precision import resolve_precision

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.ones(8, device=device).sum().item()
    precision = resolve_precision(EngineConfig(precision="auto"), device)
    version = nccl.version() if torch.distributed.is_nccl_available() else None
    return {
        "device": device.type,
        "gpus": torch.cuda.device_count() if device.type == "cuda" else 0,
        "cuda": torch.version.cuda,
        "precision": str(precision).removeprefix("torch."),
        "nccl": None if version is None else ".".join(map(str, version)),
    }


def _dali() -> dict[str, Any]:
    import numpy as np
    import nvidia.dali
    from nvidia.dali import fn
    from nvidia.dali.pipeline import Pipeline
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (16, 16), (255, 0, 0)).save(file, format="JPEG")
    pipeline = Pipeline(batch_size=1, num_threads=1, device_id=None)
    with pipeline:
        encoded = fn.external_source(lambda: [np.frombuffer(file.getvalue(), np.uint8)], batch=True)
        pipeline.set_outputs(fn.decoders.image(encoded, device="cpu"))
    pipeline.build()
    (pictures,) = pipeline.run()
    return {"version": nvidia.dali.__version__, "shape": np.asarray(pictures.at(0)).shape}


def _wandb() -> dict[str, Any]:
    from trainer.config.log import LogConfig
    from trainer.monitoring.wandb_mode import choose_mode

    mode, notice = choose_mode(LogConfig())
    return {"mode": mode, "notice": notice}


TRIED: dict[str, Callable[[], dict[str, Any]]] = {"torch": _torch, "DALI": _dali, "W&B": _wandb}


if __name__ == "__main__":
    sys.exit(main())
