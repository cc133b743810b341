"""The translations of a checkpoint, kept in the machine's cache: whatever score is asked for next reads them there.

Exact: scores compare images that are rounded to 8 bits, and these are what is kept. Of other depths none are.
"""

import hashlib
import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sharding.console import make_console, one_line
from sharding.errors import DatasetError
from sharding.format.codec.npy import read_pixels
from sharding.format.manifest_file import manifest_digest
from sharding.storage.cache import Cache
from sharding.storage.made import MadeFile, made_file
from trainer.checkpoints.layout import EMA_FILE, describe_file
from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.evaluation.contestants import Images
from trainer.evaluation.passes import Passes, Side
from trainer.inference.usage import Usage
from trainer.pictures.tensors import to_uint8
from trainer.runs.config import config_to_dict
from trainer.runs.opened import OpenRun

MOST_BYTES = 2**28
"""Of the translations of a split, which are in memory at once; more are made anew each time."""
_HEADER_BYTES = 1024  # of an array's file, at most


class KeptTranslations:
    """Those of one pass of a lone process over a split, in its order.

    Args:
        checkpoint: the folder whose averaged networks translate.
        usage: of them.
    """

    def __init__(self, opened: OpenRun, *, checkpoint: Path, split: str, usage: Usage, passes: Passes) -> None:
        self._data, self._view = opened.subject.data, opened.subject.view_b
        self._passes, self._split = passes, split
        config = config_to_dict(opened.config)
        self._made_of = {
            "recipe": "translations 1",
            "manifest": manifest_digest(opened.manifest),
            "networks": describe_file(checkpoint / EMA_FILE).sha256,
            "config": {name: config[name] for name in ("method", "data", "engine")},
            "seed": passes.seed,
            "held_out": dict(opened.subject.held_out),
            "split": split,
            "places": passes.places,
            "usage": asdict(usage),
            "device": passes.world.device.type,
            "torch": torch.__version__,
            "code": _code_digest(),
        }
        del self._made_of["config"]["data"]["path"]  # the manifest says what lies there
        self._new: list[Tensor] = []
        self._shape: tuple[int, ...] = ()
        self.is_read = False
        """Whether there was nothing to translate."""

    def of(self, predict: Images, side: Side) -> Images:
        """What gives the kept images of a pass, one batch after the other, or makes them where none are kept."""
        num_images = self._passes.num_images(side, self._split)
        self._shape = (num_images, self._view.channels, *self._data.crop_shape)
        if (self._view.dtype, self._view.value_range) != ("uint8", (0.0, 255.0)) or np.prod(self._shape) > MOST_BYTES:
            return predict
        self._made_of["side"] = side  # the noise of unpaired images is by the names of both, or of one
        known = self._read()
        if known is None:
            return self._keeping(predict)
        self.is_read = True
        places, device = iter(range(num_images)), self._passes.world.device

        def give(batch: Batch) -> Tensor:
            return known[[next(places) for _ in batch.keys]].to(device).float() / 127.5 - 1

        return give

    def _keeping(self, predict: Images) -> Images:
        def make(batch: Batch) -> Tensor:
            images = predict(batch)
            self._new.append(to_uint8(images).cpu())
            return images

        return make

    def _read(self) -> Tensor | None:
        """What is kept; None if there is nothing, or anything else."""
        content = self._in_cache(MadeFile.read)
        with suppress(ValueError, TypeError, OverflowError):
            pixels = None if content is None else read_pixels(content)
            if pixels is not None and (pixels.shape, pixels.dtype) == (self._shape, np.uint8):
                return torch.from_numpy(pixels)
        return None

    def write(self) -> None:
        """Keep what was made; called after the pass."""
        if not self._new:
            return
        content = io.BytesIO()
        np.save(content, torch.cat(self._new).numpy(), allow_pickle=False)
        self._new = []
        self._in_cache(lambda file: file.write(content.getvalue()))

    def _in_cache(self, use: Callable[[MadeFile], bytes | None]) -> bytes | None:
        """Use the file, if the machine's cache can be used."""
        made_of = json.dumps(self._made_of, sort_keys=True, default=str)
        most = _HEADER_BYTES + int(np.prod(self._shape))
        try:
            cache = Cache(self._data.cache_folder, max_bytes=int(self._data.cache_limit_gb * 1e9))
            with made_file(cache, made_of=made_of, most=most) as file:
                return use(file)
        except (OSError, DatasetError, ConfigError) as error:
            note = f"translations are not kept, and are made anew each time: {error}"
            make_console(stderr=True).print(one_line(note))
            return None


@cache
def _code_digest() -> str:
    """Of all our code: a changed network or decoder makes other images of the same checkpoint."""
    digest = hashlib.sha256()
    for package in ("sharding", "trainer"):
        for path in sorted((Path(__file__).parents[2] / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
