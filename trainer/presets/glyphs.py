"""The methods that learn from one view, on glyphs in real fonts, 32 px: auto-encoder, VAE, DCGAN, CGAN by character,
BiGAN, VAE/GAN with an attribute vector that slants, and CAAE, to which the weight of the stroke is what age is.

On two cores 80 s to 6 min each, 32 kimg; scores are in `docs/methods.md`. Networks, rates and batches are made for
that, and are not the papers' (`papers.py`).

Command: `diptych launch glyphs-vae`; likewise -autoencoder, -dcgan, -cgan, -bigan, -vaegan, -caae.
"""

from dataclasses import replace
from pathlib import Path

from trainer.config.adversarial import AdversarialConfig
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.data import DataConfig
from trainer.config.latent import DecoderConfig, DiscriminatorConfig, EncoderConfig
from trainer.config.log import LogConfig
from trainer.config.method import MethodConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.config.samples import SamplesConfig
from trainer.config.train import TrainConfig
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.cgan.config import CGANConfig
from trainer.methods.gan.config import GANConfig
from trainer.methods.vae.config import VAEConfig
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.runs.config import RunConfig

_ENCODER, _DECODER = EncoderConfig(num_filters=32), DecoderConfig(num_filters=32)
_DISCRIMINATOR = DiscriminatorConfig(num_filters=32)

TASKS = {
    "autoencoder": "glyphs as codes, and back",
    "vae": "glyphs as codes that can be drawn, and back",
    "dcgan": "new digits from noise",
    "cgan": "new digits of a wanted character",
    "bigan": "digits as codes that can be drawn, and back",
    "vaegan": "digits that slant more or less",
    "caae": "digits in another weight of the stroke",
}


def base(method: MethodConfig, *, characters: str = "digits", label: str | None = None) -> RunConfig:
    """What all of them share; `characters` is `digits`, or `styles` for all letters, too."""
    return RunConfig(
        method=method,
        data=DataConfig(
            path=Path(f"data/glyph-{characters}-32"),
            view_a="glyph",
            view_b="glyph",
            label=label,
            load_size=32,
            crop_size=32,
            flip=False,  # a mirrored letter is none
        ),
        train=TrainConfig(total_kimg=32, batch_size_per_gpu=16, ema_half_life_kimg=1),
        # Twice the papers' rate: the runs are minutes long.
        optimizer=OptimizerConfig(lr=4e-4),
        log=LogConfig(period_kimg=1.6),
        samples=SamplesConfig(period_kimg=8, num_rows=8),
        checkpoint=CheckpointConfig(period_kimg=16),
    )


def presets() -> dict[str, RunConfig]:
    autoencoder = base(AutoencoderConfig(encoder=_ENCODER, decoder=_DECODER, code_size=64), characters="styles")
    vae = base(VAEConfig(encoder=_ENCODER, decoder=_DECODER, code_size=32, likelihood="bernoulli"), characters="styles")
    faster = OptimizerConfig(lr=1e-3, beta1=0.9)
    return {
        "autoencoder": replace(autoencoder, optimizer=faster),
        "vae": replace(vae, optimizer=faster),
        "dcgan": base(GANConfig(generator=_DECODER, discriminator=_DISCRIMINATOR)),
        "cgan": base(CGANConfig(generator=_DECODER, discriminator=_DISCRIMINATOR), label="character"),
        "bigan": base(
            BiGANConfig(encoder=_ENCODER, generator=_DECODER, discriminator=_DISCRIMINATOR, code_size=32),
        ),
        "vaegan": base(
            # The paper's own balance (minimax, gamma 1e-6) lets D win within the few minutes of this run.
            VAEGANConfig(
                encoder=_ENCODER,
                decoder=_DECODER,
                discriminator=_DISCRIMINATOR,
                adversarial=AdversarialConfig(objective="non-saturating"),
                code_size=64,
                layer=3,
                gamma=1e-2,
            ),
            label="slant",
        ),
        "caae": base(
            # With more pull to the prior the code forgets the character.
            CAAEConfig(num_filters=16, weight_gan_z=0.3),
            label="weight",
        ),
    }
