"""The run around generators of pytorch-CycleGAN-and-pix2pix."""

from collections.abc import Sequence
from pathlib import Path

from sharding.console import command_line
from sharding.format.manifest import Manifest, View
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.evaluate import EvaluateConfig
from trainer.config.method import MethodConfig
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.received.incumbent import Generator
from trainer.received.run import NO_DATA, write_received
from trainer.runs.config import RunConfig

_LARGER = 286 / 256
"""What images are enlarged to before they are cropped, in the papers."""


def write_imported(out: Path, *, forth: Generator, back: Generator | None, size: int, names: Sequence[str]) -> str:
    """Write a run of pix2pix or, of two generators, CycleGAN. Returns the method's name.

    Args:
        size: pixels of a side that they were trained on.
        names: of the files, for the record.

    Raises:
        ConfigError: the generators do not fit each other, or the size does not fit them.
    """
    method = _method(forth, back)
    views = {
        "a": View(extension="a.png", channels=forth.in_channels),
        "b": View(extension="b.png", channels=forth.out_channels),
    }
    manifest = Manifest(
        name=f"of {' and '.join(names)}",
        kind="paired" if back is None else "unpaired",
        views=views,
        classes=[],
        splits={},
    )
    data = DataConfig(path=NO_DATA, view_a="a", view_b="b", load_size=round(size * _LARGER), crop_size=size)
    config = RunConfig(method=method, data=data, evaluate=EvaluateConfig(encoder="none"))
    networks = {"generator": forth.weights}
    if back is not None:
        networks = {"generator_a2b": forth.weights, "generator_b2a": back.weights}
    write_received(
        out,
        config=config,
        manifest=manifest,
        networks=networks,
        position=0,
        preset=f"imported from {' and '.join(names)}",
        command=[command_line("diptych", "import-incumbent", *names)],
    )
    return method.name


def _method(forth: Generator, back: Generator | None) -> MethodConfig:
    if back is None:
        return Pix2PixConfig(generator=forth.config)
    if (back.config, back.in_channels, back.out_channels) != (forth.config, forth.out_channels, forth.in_channels):
        raise ConfigError(
            "back", "its generator", "is of other layers or channels than FILE's; give the two of one run."
        )
    return CycleGANConfig(generator=forth.config)
