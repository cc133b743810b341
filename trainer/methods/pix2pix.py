"""pix2pix: Image-to-Image Translation with Conditional Adversarial Networks (Isola et al. 2017, arXiv:1611.07004)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Pix2PixConfig
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.methods.base import Network, Networks
from trainer.networks.patchgan import PatchGAN
from trainer.networks.unet import UNet


class Pix2Pix:
    """G* = arg min_G max_D L_cGAN(G, D) + lambda L_L1(G) (equation 4); x is view a, y is view b."""

    def __init__(self, config: Pix2PixConfig, *, channels_a: int, channels_b: int) -> None:
        self.config = config
        self.players = {
            "discriminator": nn.ModuleDict(
                {"discriminator": PatchGAN(config.discriminator, in_channels=channels_a + channels_b)}
            ),
            "generator": nn.ModuleDict(
                {"generator": UNet(config.generator, in_channels=channels_a, out_channels=channels_b)}
            ),
        }
        self.generators: tuple[str, ...] = ("generator",)
        self.trains_at_test_time = True  # "we apply dropout at test time [and] the statistics of the test batch" (3.3)

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(x, z), where the noise z is dropout."""
        return {"fake_b": networks["generator"](batch.a)}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of equations 1 (L_cGAN) and 3 (L_L1)."""
        if player == "discriminator":
            return self._discriminator(networks["discriminator"], batch, fakes["fake_b"].detach())
        return self._generator(networks["discriminator"], batch, fakes["fake_b"])

    def _discriminator(self, discriminator: Network, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        losses = discriminator_losses(
            self.config.adversarial,
            real=discriminator(torch.cat([batch.a, batch.b], dim=1)),
            fake=discriminator(torch.cat([batch.a, fake_b], dim=1)),
        )
        # "we divide the objective by 2 while optimizing D, which slows down the rate at which D learns" (3.3)
        return {name: 0.5 * loss for name, loss in losses.items()}

    def _generator(self, discriminator: Network, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        logits = discriminator(torch.cat([batch.a, fake_b], dim=1))
        return {
            "gan": generator_loss(self.config.adversarial, fake=logits),
            "l1": self.config.weight_l1 * F.l1_loss(fake_b, batch.b),
        }

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G(x, z), one draw of the noise z."""
        return networks["generator"](image)
