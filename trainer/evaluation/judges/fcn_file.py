"""The file that holds a trained segmentation network, and what is to be known of it."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from sharding.format.manifest import ClassInfo
from sharding.storage.files import write_atomically
from sharding.storage.typed import NO_OTHERS, adapter_of
from trainer.config.errors import ConfigError
from trainer.evaluation.judges.asked import REMEDY, require_readable
from trainer.evaluation.judges.fcn_networks import FcnName, build_fcn

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class FcnInfo:
    """What a trained network sees, knows and can."""

    __pydantic_config__ = NO_OTHERS

    format: int = FORMAT
    network: FcnName
    size: tuple[int, int]
    """Height and width in pixels of the photos that it was trained on."""
    classes: list[ClassInfo]
    view_photo: str
    view_labels: str
    dataset: str
    """Name of the data set."""
    dataset_sha256: str
    """Of its manifest, which holds those of its shards."""
    num_images: int
    """Seen in training, each as often as it came."""
    options: dict[str, Any]
    """Of its training."""
    scores: dict[str, dict[str, float]]
    """Of real photos, by split: the ceiling of what it can say of others."""


@dataclass(frozen=True, kw_only=True)
class Fcn:
    """A trained network."""

    path: Path
    info: FcnInfo
    network: nn.Module
    """On the CPU, in evaluation mode."""
    sha256: str
    """Of the file."""


def write_fcn(path: Path, info: FcnInfo, weights: Mapping[str, Tensor]) -> None:
    """Write the file, whole or not at all."""
    buffer = io.BytesIO()
    about = adapter_of(FcnInfo).dump_json(info).decode()
    torch.save({"about": about, "weights": {name: value.cpu() for name, value in weights.items()}}, buffer)
    write_atomically(path, buffer.getvalue())


def read_fcn(path: Path) -> Fcn:
    """Read a file of `write_fcn`. It may be a stranger's: no code in it is run.

    Raises:
        ConfigError: there is none, or it is damaged, or of another version.
    """
    require_readable(path)
    content = path.read_bytes()
    try:
        held = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        info = adapter_of(FcnInfo).validate_json(held["about"])
    except ValidationError as error:
        raise ConfigError("fcn", str(path), f"is of another version, or damaged; {REMEDY}") from error
    except Exception as error:  # what torch raises on damaged files is no family of errors
        raise ConfigError("fcn", str(path), f"holds no segmentation network; {REMEDY}") from error
    if info.format != FORMAT or info.network not in get_args(FcnName):
        raise ConfigError("fcn", str(path), f"has format {info.format}, and this version reads {FORMAT}; {REMEDY}")
    network = build_fcn(info.network, len(info.classes))
    try:
        network.load_state_dict(held["weights"])
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ConfigError("fcn", str(path), f"lacks weights of its network; {REMEDY}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return Fcn(path=path, info=info, network=network.eval(), sha256=sha256)


def open_fcn(path: Path, classes: Sequence[ClassInfo], *, data: str, field: str = "fcn") -> Fcn:
    """`read_fcn`, of a network that knows the classes of a data set.

    Args:
        data: where the data set lies, and
        field: what names the file, for errors.

    Raises:
        ConfigError: see `read_fcn` and `check_classes`.
    """
    try:
        fcn = read_fcn(path)
        check_classes(fcn.info, classes, path=path, data=data)
    except ConfigError as error:
        raise ConfigError(field, error.value, error.remedy) from error
    return fcn


def check_classes(info: FcnInfo, classes: Sequence[ClassInfo], *, path: Path, data: str) -> None:
    """Raises ConfigError unless the network knows the classes of a data set, in their order."""
    known, wanted = [each.name for each in info.classes], [each.name for each in classes]
    if known != wanted:
        differing = [f"{one!r} for {other!r}" for one, other in zip(known, wanted, strict=False) if one != other]
        what = f"knows {len(known)} classes, and {data} has {len(wanted)}" if len(known) != len(wanted) else ""
        first = f"its class is {differing[0]} of {data}" if differing else ""
        reason = "; ".join(filter(None, [what, first]))
        raise ConfigError("fcn", str(path), f"{reason}. Use one trained on a data set with the same classes.")
