"""The pictures' own labels, as `--own-labels` of `diptych translate` tells them."""

import re
from pathlib import Path

from sharding.errors import OptionError
from sharding.inputs.labels import LabelOptions
from sharding.work.problems import InputError
from trainer.config.errors import ConfigError
from trainer.inference.own_labels import OwnLabels
from trainer.inference.sources import Source

_CONSTANT = re.compile(r"([^=:,]+=[^=,]+)(,[^=:,]+=[^=,]+)*")


def read_own_labels(text: str) -> OwnLabels:
    """`NAME=VALUE,...` of all pictures alike, or what `--labels` of `diptych shard images` takes.

    Raises:
        ConfigError: it is neither.
        DatasetError: a CSV is not what it should be.
    """
    if _CONSTANT.fullmatch(text):
        constant = dict(part.split("=") for part in text.split(","))
        return lambda file: constant
    try:
        read = LabelOptions(labels=text).reader()
    except OptionError as error:
        raise ConfigError(
            "own_labels",
            text,
            "use NAME=VALUE, csv:FILE, pattern:REGEX or utkface; of two labels NAME=VALUE,NAME=VALUE.",
        ) from error
    assert read is not None

    def labels_of(file: Source) -> dict[str, str]:
        from trainer.pictures.files import UnreadablePictureError

        if not isinstance(file, Path):
            raise UnreadablePictureError("lies in a tar, of which --own-labels takes NAME=VALUE alone")
        try:
            return dict(read(file, file.stem))
        except InputError as error:
            raise UnreadablePictureError(f"has no label: {error.reason}") from error

    return labels_of
