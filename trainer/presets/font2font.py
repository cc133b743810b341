"""pix2pix from one font to another: DejaVu Sans -> DejaVu Serif, characters of the embedded glyphs, 64 px.

Command: `diptych launch font2font`. On two cores in 78 s: 16.66 dB, against 16.28 dB for the input itself and 13.78 dB
for the mean image.
"""

from dataclasses import replace
from pathlib import Path

from trainer.presets import pix2pix_losses
from trainer.runs.config import RunConfig


def preset() -> RunConfig:
    base = pix2pix_losses.base()
    data = replace(base.data, path=Path("data/glyphs-64"), view_a="sans", view_b="serif", flip=False)
    return replace(base, data=data)
