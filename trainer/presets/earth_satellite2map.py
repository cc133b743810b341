"""pix2pix on the embedded earth set, 128 px: satellite photo -> map of land, sea and lakes.

Command: `diptych launch earth-satellite2map`. Hardware, time and score: not yet run.
"""

from dataclasses import replace

from trainer.config import RunConfig
from trainer.presets import earth_relief2satellite


def preset() -> RunConfig:
    base = earth_relief2satellite.preset()
    return replace(base, data=replace(base.data, view_a="satellite", view_b="map"))
