"""GAN: Generative Adversarial Nets (Goodfellow et al. 2014, arXiv:1406.2661), with the networks of DCGAN (Radford et
al. 2016, arXiv:1511.06434).
"""

from collections.abc import Mapping

from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.methods.base import Method, Networks
from trainer.methods.gan.config import GANConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.noise import device_of, draw_noise, training_noise
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_discriminator import ConvDiscriminator

NUM_SAMPLES = 6  # in each row of a picture


def build(config: GANConfig, task: Task) -> Method:
    """See `GAN`; `trainer.methods.registry` calls this."""
    return GAN(config, task)


class GAN(Method):
    """min_G max_D E[log D(x)] + E[log(1 - D(G(z)))] (equation 1), or another objective; x is view b."""

    def __init__(self, config: GANConfig, task: Task) -> None:
        self.config = config
        channels, side = task.channels_b, task.side
        discriminator = ConvDiscriminator(config.discriminator, in_channels=channels, side=side)
        generator = ConvDecoder(config.generator, in_features=config.code_size, side=side, out_channels=channels)
        self.players = {
            "discriminator": discriminator_player(config.adversarial, nn.ModuleDict({"discriminator": discriminator})),
            "generator": generator_player(config.adversarial, nn.ModuleDict({"generator": generator})),
        }
        self.averaged = ("generator",)

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(z)."""
        return {"fake_b": networks["generator"](training_noise(self.config.noise, batch, self.config.code_size))}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of algorithm 1: of D on real images and on fakes, or of G."""
        if player == "discriminator":
            return self._discriminator(networks, batch, fakes["fake_b"].detach())
        return {"gan": generator_loss(self.config.adversarial, fake=networks["discriminator"](fakes["fake_b"]))}

    def _discriminator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        """Real images and fakes in batches of their own, so that batch norm does not mix them."""
        real, fake = networks["discriminator"](batch.b), networks["discriminator"](fake_b)
        return discriminator_losses(self.config.adversarial, real=real, fake=fake) | penalties(
            self.config.adversarial, networks, "discriminator", real=batch.b, fake=fake_b, batch=batch
        )

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Samples alone: they have nothing to do with the batch's images."""
        return {f"sample {place}": self.sample(networks, len(batch.b), None) for place in range(1, NUM_SAMPLES + 1)}

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        """G(z)."""
        device = device_of(networks, "generator")
        return networks["generator"](draw_noise(self.config.noise, num, self.config.code_size, device=device))
