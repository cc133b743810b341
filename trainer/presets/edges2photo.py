"""pix2pix from edges to photo: Canny edges -> satellite photo of the embedded earth set, 64 px.

Command: `diptych launch edges2photo`.
"""

from dataclasses import replace

from trainer.config import RunConfig
from trainer.presets import pix2pix_losses


def preset() -> RunConfig:
    base = pix2pix_losses.base()
    return replace(base, data=replace(base.data, view_a="edges", view_b="satellite"))
