"""DualGAN: Unsupervised Dual Learning for Image-to-Image Translation (Yi et al. 2017, arXiv:1704.02510)."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import generator_loss
from trainer.methods.base import Method, Networks
from trainer.methods.dualgan.config import DualGANConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player
from trainer.methods.shared.two_way import (
    GENERATORS,
    build_generators,
    build_patchgans,
    discriminator_terms,
    round_trips,
    translate_both,
)


def build(config: DualGANConfig, task: Task) -> Method:
    """See `DualGAN`; `trainer.methods.registry` calls this."""
    return DualGAN(config, task)


class DualGAN(Method):
    """Equations 1 to 3; U is view a, V is view b; the noise z is dropout.

    The primal G_A: U -> V is `generator_a2b`, and its critic D_A is `discriminator_b`, named for the view it judges;
    the dual G_B is `generator_b2a`, and D_B is `discriminator_a`.
    """

    def __init__(self, config: DualGANConfig, task: Task) -> None:
        self.config = config
        self.players = {
            "discriminators": discriminator_player(config.adversarial, build_patchgans(config.discriminator, task)),
            "generators": generator_player(config.adversarial, build_generators(config.generator, task)),
        }
        self.averaged = GENERATORS
        self.trains_at_test_time = True  # dropout is the noise z, in training and at test time

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G_A(u, z) and fake_a = G_B(v, z')."""
        return translate_both(networks, batch)

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The critics' terms of equations 1 and 2, or the generators' of equation 3."""
        if player == "discriminators":
            return self._critics(networks, batch, fakes)
        return self._membership(networks, fakes) | self._reconstruction(networks, batch, fakes)

    def _critics(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """D_A(G_A(u, z)) - D_A(v) as `fake_b` and `real_b`; D_B(G_B(v, z')) - D_B(u) as `fake_a` and `real_a`."""
        terms: dict[str, Tensor] = {}
        for view, real in (("a", batch.a), ("b", batch.b)):
            fake = fakes[f"fake_{view}"].detach()
            terms |= discriminator_terms(self.config.adversarial, networks, view, real=real, fake=fake, batch=batch)
        return terms

    def _membership(self, networks: Networks, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """-D_B(G_B(v, z')) and -D_A(G_A(u, z))."""
        adversarial = self.config.adversarial
        return {
            "gan_a": generator_loss(adversarial, fake=networks["discriminator_a"](fakes["fake_a"])),
            "gan_b": generator_loss(adversarial, fake=networks["discriminator_b"](fakes["fake_b"])),
        }

    def _reconstruction(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """lambda_U |u - G_B(G_A(u, z), z')| and lambda_V |v - G_A(G_B(v, z'), z)|, as means over pixels."""
        terms = {}
        if self.config.weight_u > 0:
            back = networks["generator_b2a"](fakes["fake_b"])
            terms["reconstruction_u"] = self.config.weight_u * F.l1_loss(back, batch.a)
        if self.config.weight_v > 0:
            back = networks["generator_a2b"](fakes["fake_a"])
            terms["reconstruction_v"] = self.config.weight_v * F.l1_loss(back, batch.b)
        return terms

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Both round trips."""
        return round_trips(networks, batch)

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G_A(u, z), one draw of the noise z."""
        return networks["generator_a2b"](image)

    def translate_back(self, networks: Networks, image: Tensor) -> Tensor:
        """G_B(v, z'), one draw of the noise z'."""
        return networks["generator_b2a"](image)
