"""CycleGAN: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (Zhu et al. 2017,
arXiv:1703.10593).
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import generator_loss
from trainer.losses.pool import ImagePool
from trainer.methods.base import Method, Networks
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player
from trainer.methods.shared.two_way import (
    GENERATORS,
    apply_aside,
    build_generators,
    build_patchgans,
    discriminator_terms,
    round_trips,
    translate_both,
)


def build(config: CycleGANConfig, task: Task) -> Method:
    """See `CycleGAN`; `trainer.methods.registry` calls this."""
    return CycleGAN(config, task)


class CycleGAN(Method):
    """L = L_GAN(G, D_Y) + L_GAN(F, D_X) + lambda L_cyc(G, F) (equation 3); X is view a, Y is view b.

    G is `generator_a2b`, F is `generator_b2a`, D_X is `discriminator_a`, D_Y is `discriminator_b`.
    """

    def __init__(self, config: CycleGANConfig, task: Task) -> None:
        self.config = config
        self.players = {
            "generators": generator_player(config.adversarial, build_generators(config.generator, task)),
            "discriminators": discriminator_player(config.adversarial, build_patchgans(config.discriminator, task)),
        }
        self.averaged = GENERATORS
        self.pools: Mapping[str, ImagePool] = {view: ImagePool(config.pool_size) for view in ("a", "b")}

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(x) and fake_a = F(y)."""
        return translate_both(networks, batch)

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of equations 1 (GAN) and 2 (cycle), and of section 5.2 (identity)."""
        if player == "discriminators":
            return self._discriminators(networks, batch, fakes)
        return self._adversarial(networks, fakes) | self._restored(networks, batch, fakes)

    def _discriminators(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        for view, real in (("a", batch.a), ("b", batch.b)):
            fake = self.pools[view].query(fakes[f"fake_{view}"].detach())
            terms |= discriminator_terms(self.config.adversarial, networks, view, real=real, fake=fake, batch=batch)
        # "we divide the objective by 2 while optimizing D, which slows down the rate at which D learns" (section 7.1)
        return {name: 0.5 * term for name, term in terms.items()}

    def _adversarial(self, networks: Networks, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        adversarial = self.config.adversarial
        return {
            "gan_a": generator_loss(adversarial, fake=networks["discriminator_a"](fakes["fake_a"])),
            "gan_b": generator_loss(adversarial, fake=networks["discriminator_b"](fakes["fake_b"])),
        }

    def _restored(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """L1 between each view and what the generator into it makes of the fake and of the view itself.

        The round trip: F(G(x)) near x, and G(F(y)) near y. The identity: F(x) near x, and G(y) near y.
        """
        terms: dict[str, dict[str, Tensor]] = {"cycle": {}, "identity": {}}
        for view, image, fake, generator in (
            ("a", batch.a, fakes["fake_b"], "generator_b2a"),
            ("b", batch.b, fakes["fake_a"], "generator_a2b"),
        ):
            weight = self.config.cycle_weights[view]
            weights = {"cycle": weight, "identity": weight * self.config.weight_identity}
            given = {name: {"cycle": fake, "identity": image}[name] for name in weights if weights[name] > 0}
            for name, made in zip(given, apply_aside(networks, generator, *given.values()), strict=True):
                terms[name][f"{name}_{view}"] = weights[name] * F.l1_loss(made, image)
        return terms["cycle"] | terms["identity"]

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Both round trips."""
        return round_trips(networks, batch)

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G(x)."""
        return networks["generator_a2b"](image)

    def translate_back(self, networks: Networks, image: Tensor) -> Tensor:
        """F(y)."""
        return networks["generator_b2a"](image)
