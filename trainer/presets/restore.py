"""pix2pix that undoes damage to satellite photos of the embedded earth set, 64 px: blur, x2 and x4 fewer pixels, noise,
JPEG artefacts. The input is made from the target on the fly.

On two busy cores of an AMD EPYC (AVX-512, bf16, no GPU) in 90 to 200 s each, held-out PSNR against the input itself:
noise 29.43 to 20.63 dB, blur 32.41 to 29.31, x2 34.22 to 33.39, x4 30.10 to 29.51, JPEG 28.39 to 27.19. The mean image
has 14.44 dB.

Command: `diptych launch restore-deblur` (or -superres-x2, -superres-x4, -denoise, -dejpeg).
"""

from dataclasses import replace

from trainer.config.data import DegradeConfig
from trainer.config.networks import GeneratorConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.presets import pix2pix_losses
from trainer.runs.config import RunConfig


def presets() -> dict[str, RunConfig]:
    base = pix2pix_losses.base()
    # As networks for restoration are made (EDSR, DnCNN): no norm, which would forget the level of colours; the output
    # is the input and a difference; and as many pixels inside as the input really has.
    generator = GeneratorConfig(
        architecture="resnet", num_filters=24, num_blocks=4, num_halvings=0, norm="none", dropout=0.0, residual=True
    )
    # A third of SRGAN's share (Ledig et al. 2017, arXiv:1609.04802, equation 3: 1 to 1000) hardly costs PSNR, as any
    # texture does that the GAN makes up; with the 1 to 100 of pix2pix x4 falls below its input.
    method = replace(pix2pix_losses.METHOD, generator=generator, weight_gan=0.03)

    def restoring(degrade: DegradeConfig, *, num_halvings: int = 0) -> RunConfig:
        data = replace(base.data, view_a="satellite", view_b="satellite", degrade=degrade)
        return replace(
            base,
            method=replace(method, generator=replace(generator, num_halvings=num_halvings)),
            data=data,
            optimizer=OptimizerConfig(lr=4e-4, beta1=0.9),
        )

    return {
        "deblur": restoring(DegradeConfig(kind="blur", blur_sigma=2.0)),
        "superres-x2": restoring(DegradeConfig(kind="downscale", factor=2), num_halvings=1),
        "superres-x4": restoring(DegradeConfig(kind="downscale", factor=4), num_halvings=1),
        "denoise": restoring(DegradeConfig(kind="noise", noise_sigma=25.0)),
        "dejpeg": restoring(DegradeConfig(kind="jpeg", jpeg_quality=10)),
    }
