"""pix2pix: Image-to-Image Translation with Conditional Adversarial Networks (Isola et al. 2017, arXiv:1611.07004)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.losses.structure import structure_loss
from trainer.methods.base import Method, Networks, Player
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.feature_distance import FeatureDistance
from trainer.networks.generator import build_generator
from trainer.networks.patchgan import PatchGAN


def build(config: Pix2PixConfig, task: Task) -> Method:
    """See `Pix2Pix`; `trainer.methods.registry` calls this.

    Raises:
        ConfigError: the weights of the pretrained network are not there.
    """
    return Pix2Pix(config, task)


class Pix2Pix(Method):
    """G* = arg min_G max_D L_cGAN(G, D) + lambda L_L1(G) (equation 4); x is view a, y is view b.

    The ablations of section 4.1: a GAN that is not conditional judges y alone (equation 2); L1 alone has no
    discriminator; without L1 it is cGAN or GAN alone.

    Args:
        distance: of the perceptual term, which the paper has not; that of `config.pretrained` unless given.
    """

    def __init__(self, config: Pix2PixConfig, task: Task, *, distance: FeatureDistance | None = None) -> None:
        self.config = config
        self.distance = distance or FeatureDistance.make(config.pretrained, weight=config.weight_feature)
        self.players: dict[str, Player] = {}
        if config.weight_gan > 0:
            channels = task.channels_b + (task.channels_a if config.conditional else 0)
            self.players["discriminator"] = discriminator_player(
                config.adversarial,
                nn.ModuleDict({"discriminator": PatchGAN(config.discriminator, in_channels=channels)}),
            )
        generator = build_generator(config.generator, in_channels=task.channels_a, out_channels=task.channels_b)
        networks = nn.ModuleDict({"generator": generator})
        self.players["generator"] = (
            generator_player(config.adversarial, networks) if config.weight_gan > 0 else Player(networks=networks)
        )
        self.averaged = ("generator",)
        self.trains_at_test_time = True  # "we apply dropout at test time [and] the statistics of the test batch" (3.3)

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(x, z), where the noise z is dropout."""
        return {"fake_b": networks["generator"](batch.a)}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of equations 1 (L_cGAN) or 2 (L_GAN), and 3 (L_L1)."""
        if player == "discriminator":
            return self._discriminator(networks, batch, fakes["fake_b"].detach())
        return self._generator(networks, batch, fakes["fake_b"])

    def _discriminator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        config = self.config.adversarial
        real, fake = networks.each("discriminator", self._judged(batch, batch.b), self._judged(batch, fake_b))
        losses = discriminator_losses(config, real=real, fake=fake)
        losses |= penalties(
            config,
            networks,
            "discriminator",
            real=batch.b,
            fake=fake_b,
            batch=batch,
            logits=lambda module, b: module(self._judged(batch, b)),
        )
        # "we divide the objective by 2 while optimizing D, which slows down the rate at which D learns" (3.3)
        return {name: 0.5 * loss for name, loss in losses.items()}

    def _generator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        terms = {}
        if self.config.weight_gan > 0:
            logits = networks["discriminator"](self._judged(batch, fake_b))
            terms["gan"] = self.config.weight_gan * generator_loss(self.config.adversarial, fake=logits)
        if self.config.weight_l1 > 0:
            terms["l1"] = self.config.weight_l1 * F.l1_loss(fake_b, batch.b)
        if self.config.weight_structure > 0:
            terms["structure"] = self.config.weight_structure * structure_loss(fake_b, batch.b)
        if self.distance is not None:
            terms["feature"] = self.config.weight_feature * self.distance(fake_b, batch.b)
        return terms

    def _judged(self, batch: Batch, b: Tensor) -> Tensor:
        """What the discriminator sees of an output: the pair (x, y), or y alone."""
        return torch.cat([batch.a, b], dim=1) if self.config.conditional else b

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Input, translation and target."""
        return {"input": batch.a, "translation": self.translate(networks, batch.a), "target": batch.b}

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G(x, z), one draw of the noise z."""
        return networks["generator"](image)
