"""pix2pix with discriminators that see 1, 16, 70 and 286 pixels (Isola et al. 2017, table 3), satellite -> map.

Scores on two cores are in `docs/methods.md`.

Command: `diptych table pix2pix-patches` trains all. 96 px, the least that a field of 286 pixels leaves one patch of.
"""

from dataclasses import replace
from pathlib import Path

from trainer.presets import pix2pix_losses
from trainer.runs.config import RunConfig

NUM_LAYERS = {"1": 0, "16": 1, "70": 3, "286": 5}


def presets() -> dict[str, RunConfig]:
    whole = pix2pix_losses.base()
    method = replace(pix2pix_losses.METHOD, generator=replace(pix2pix_losses.METHOD.generator, num_downs=5))
    whole = replace(
        whole,
        method=method,
        data=replace(whole.data, path=Path("data/earth-128"), load_size=128, crop_size=96),
        train=replace(whole.train, total_kimg=1.6),
    )
    runs = {}
    for field, num_layers in NUM_LAYERS.items():
        discriminator = replace(method.discriminator, num_layers=num_layers)
        runs[field] = replace(whole, method=replace(method, discriminator=discriminator))
    return runs
