"""Which packages a command loads, and which of our own: what makes it answer late, whatever the machine's speed."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = {
    *("torch", "torchvision", "torchmetrics", "deepspeed", "nvidia.dali", "pynvml"),
    *("ray", "optuna", "wandb", "scipy", "matplotlib", "torch._dynamo"),
    "launch.ways.table",
}


def answer_of(*arguments: str, cwd: Path) -> tuple[subprocess.CompletedProcess, set[str]]:
    """What `diptych ARGUMENTS` in folder `cwd` answered, and the packages of `HEAVY` that it loaded."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "launch.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "COLUMNS": "200"},
    )
    lines = done.stderr.splitlines()
    imports = [line for line in lines if line.startswith("import time:")]
    done.stderr = "\n".join(line for line in lines if line not in set(imports))
    return done, {line.rpartition("|")[2].strip() for line in imports} & HEAVY
