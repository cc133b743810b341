"""A file of weights that the user has, read once: what is in it, and its checksum."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from trainer.config.encoders import FILES, EncoderName
from trainer.config.errors import ConfigError

_COUNT = "num_batches_tracked"
"""Of batch norm, of no use here, and not in files of old."""
_OF_TRAINING = "mask_token"
"""What DINOv2's own files hold beside the network: the patch that stood for hidden ones."""
_SAFE = ".safetensors"


class WeightsFile:
    """Plain weights by their names; no code in the file is run.

    Args:
        path: of the file.
        field: that names it, for errors.
    """

    def __init__(self, path: Path, *, field: str) -> None:
        self.path = path
        self.field = field

    @cached_property
    def sha256(self) -> str:
        """Of the whole file. Raises ConfigError if it cannot be read."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise self.error(f"cannot be read ({error.strerror}); give the file with the encoder's weights.") from error

    def check(self, expected: str | None) -> None:
        """Raise ConfigError if it is another file than the one with that checksum."""
        if expected is not None and self.sha256 != expected:
            what = f"is not the file that the run began with: its SHA-256 is {self.sha256}, and was {expected}"
            raise self.error(f"{what}. Scores by two files do not compare: give that one.")

    def fill(self, network: nn.Module, name: EncoderName) -> None:
        """Put the weights into a network without any. Raises ConfigError unless they are just its own."""
        own = network.state_dict()
        counts = {key: torch.tensor(0) for key in own if key.endswith(_COUNT)}
        weights = counts | dict(self._read(name))
        wrong = [key for key in own if key not in weights or weights[key].shape != own[key].shape]
        wrong += [key for key in weights if key not in own and key != _OF_TRAINING]
        if wrong:
            what = f"holds the weights of another network: {wrong[0]!r}, for one, does not fit"
            raise self.error(f"{what}. encoder = {name!r} reads {FILES[name]}.")
        plain = {key: value.to(own[key].dtype).contiguous() for key, value in weights.items() if key in own}
        network.load_state_dict(plain, assign=True)

    def _read(self, name: EncoderName) -> Mapping[str, Tensor]:
        assert self.sha256  # a file that cannot be read is told as such
        if self.path.suffix == _SAFE:
            self.require_package("safetensors")
        try:
            found = self._load()
        except Exception as error:  # what torch raises on damaged files is no family of errors
            raise self.error(f"is no file of plain weights; encoder = {name!r} reads {FILES[name]}.") from error
        if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
            raise self.error(f"holds no weights by their names; encoder = {name!r} reads {FILES[name]}.")
        return found

    def require_package(self, package: str) -> None:
        """Raise ConfigError if an optional package is missing that reading the file takes."""
        if find_spec(package) is None:
            raise self.error(f"needs the package {package}: pip install 'diptych[encoders]'.")

    def _load(self) -> object:
        if self.path.suffix == _SAFE:
            from safetensors.torch import load_file

            return load_file(self.path)
        return torch.load(self.path, map_location="cpu", weights_only=True)

    def error(self, remedy: str) -> ConfigError:
        """That the file cannot be used."""
        return ConfigError(self.field, str(self.path), remedy)
