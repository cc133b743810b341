"""pix2pix with an encoder-decoder and a U-Net, each with L1 and with L1+cGAN (Isola et al. 2017, table 2), and with
the skips added, dense, or a ResNet in its place; satellite -> map.

Scores on two cores are in `docs/methods.md`.

Command: `diptych table pix2pix-generators` trains all. 64 px, 2.4 kimg.
"""

from dataclasses import replace
from typing import Any

from trainer.presets import pix2pix_losses
from trainer.runs.config import RunConfig


def presets() -> dict[str, RunConfig]:
    losses = pix2pix_losses.presets()

    def with_generator(run: RunConfig, **changes: Any) -> RunConfig:
        return replace(run, method=replace(run.method, generator=replace(pix2pix_losses.METHOD.generator, **changes)))

    return {
        "encoder-decoder-l1": with_generator(losses["l1"], skips="none"),
        "encoder-decoder-l1-cgan": with_generator(losses["l1-cgan"], skips="none"),
        "unet-l1": losses["l1"],
        "unet-l1-cgan": losses["l1-cgan"],
        "unet-add-l1-cgan": with_generator(losses["l1-cgan"], skips="add"),
        "unet-dense-l1-cgan": with_generator(losses["l1-cgan"], skips="dense"),
        "resnet-l1-cgan": with_generator(losses["l1-cgan"], architecture="resnet"),
    }
