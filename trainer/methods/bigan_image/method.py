"""BiGAN / ALI between two views, as Zhu et al. 2017 (arXiv:1703.10593, section 5.1.1) compare it with CycleGAN."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses
from trainer.losses.pool import ImagePool
from trainer.methods.base import Method, Networks
from trainer.methods.bigan_image.config import BiGANImageConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.exchange import exchange_losses
from trainer.methods.shared.two_way import GENERATORS, build_generators, round_trips, translate_both
from trainer.networks.patchgan import PatchGAN


def build(config: BiGANImageConfig, task: Task) -> Method:
    """See `BiGANImage`; `trainer.methods.registry` calls this."""
    return BiGANImage(config, task)


class BiGANImage(Method):
    """BiGAN's game with an image y of view b in place of the code z; x is view a.

    The encoder G: x -> y is `generator_a2b`, the generator F: y -> x is `generator_b2a`. D judges joint pairs: to it
    (x, G(x)) is real and (F(y), y) fake. Nothing else binds a translation to its input.
    """

    def __init__(self, config: BiGANImageConfig, task: Task) -> None:
        self.config = config
        discriminator = PatchGAN(config.discriminator, in_channels=task.channels_a + task.channels_b)
        self.players = {
            "discriminator": discriminator_player(config.adversarial, nn.ModuleDict({"discriminator": discriminator})),
            "generators": generator_player(config.adversarial, build_generators(config.generator, task)),
        }
        self.averaged = GENERATORS
        self.pools: Mapping[str, ImagePool] = {kind: ImagePool(config.pool_size) for kind in ("inferred", "generated")}

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(x) and fake_a = F(y)."""
        return translate_both(networks, batch)

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of D, or of G and F."""
        inferred = torch.cat([batch.a, fakes["fake_b"]], dim=1)
        generated = torch.cat([fakes["fake_a"], batch.b], dim=1)
        discriminator = networks["discriminator"]
        if player == "discriminator":
            return self._discriminator(networks, batch, inferred=inferred.detach(), generated=generated.detach())
        return exchange_losses(
            self.config.adversarial, inferred=discriminator(inferred), generated=discriminator(generated)
        )

    def _discriminator(
        self, networks: Networks, batch: Batch, *, inferred: Tensor, generated: Tensor
    ) -> dict[str, Tensor]:
        adversarial = self.config.adversarial
        real, fake = self.pools["inferred"].query(inferred), self.pools["generated"].query(generated)
        of_real, of_fake = networks.each("discriminator", real, fake)
        terms = discriminator_losses(adversarial, real=of_real, fake=of_fake)
        terms |= penalties(adversarial, networks, "discriminator", real=real, fake=fake, batch=batch)
        return {name: 0.5 * term for name, term in terms.items()}  # as CycleGAN's (models/bigan_model.lua)

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Both round trips."""
        return round_trips(networks, batch)

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G(x)."""
        return networks["generator_a2b"](image)

    def translate_back(self, networks: Networks, image: Tensor) -> Tensor:
        """F(y)."""
        return networks["generator_b2a"](image)
