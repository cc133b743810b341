"""CGAN: Conditional Generative Adversarial Nets (Mirza & Osindero 2014, arXiv:1411.1784), with DCGAN's networks."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.methods.base import Method, Networks
from trainer.methods.cgan.config import CGANConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.noise import device_of, draw_noise, training_noise
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_discriminator import ConvDiscriminator

NUM_SAMPLES = 5  # beside each image in a picture


def build(config: CGANConfig, task: Task) -> Method:
    """See `CGAN`; `trainer.methods.registry` calls this."""
    return CGAN(config, task)


class CGAN(Method):
    """min_G max_D E[log D(x|y)] + E[log(1 - D(G(z|y)))] (equation 2); x is view b, y its label, one-hot.

    The condition is joined to z for G, and to the first features of D, replicated over space.
    """

    def __init__(self, config: CGANConfig, task: Task) -> None:
        self.config = config
        self.num_labels = task.num_labels
        channels, side = task.channels_b, task.side
        discriminator = ConvDiscriminator(
            config.discriminator, in_channels=channels, side=side, num_conditions=task.num_labels
        )
        generator = ConvDecoder(
            config.generator, in_features=config.code_size + task.num_labels, side=side, out_channels=channels
        )
        self.players = {
            "discriminator": discriminator_player(config.adversarial, nn.ModuleDict({"discriminator": discriminator})),
            "generator": generator_player(config.adversarial, nn.ModuleDict({"generator": generator})),
        }
        self.averaged = ("generator",)

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(z|y), of the real images' labels."""
        noise = training_noise(self.config.noise, batch, self.config.code_size)
        return {"fake_b": networks["generator"](torch.cat([noise, self._condition(batch)], dim=1))}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of equation 2, and of D on real images with a wrong condition."""
        if player == "discriminator":
            return self._discriminator(networks, batch, fakes["fake_b"].detach())
        logits = networks["discriminator"](fakes["fake_b"], self._condition(batch))
        return {"gan": generator_loss(self.config.adversarial, fake=logits)}

    def _discriminator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        adversarial, condition = self.config.adversarial, self._condition(batch)
        real = networks["discriminator"](batch.b, condition)
        fake = networks["discriminator"](fake_b, condition)
        terms = discriminator_losses(adversarial, real=real, fake=fake)
        weight = self.config.weight_wrong_condition
        if weight > 0:
            wrong = networks["discriminator"](batch.b, self._wrong_condition(batch))
            terms["wrong_condition"] = weight * discriminator_losses(adversarial, real=real, fake=wrong)["fake"]
        return terms | penalties(
            adversarial,
            networks,
            "discriminator",
            real=batch.b,
            fake=fake_b,
            batch=batch,
            logits=lambda module, image: module(image, condition),
        )

    def _condition(self, batch: Batch) -> Tensor:
        assert batch.label is not None
        return self._one_hot(batch.label)

    def _wrong_condition(self, batch: Batch) -> Tensor:
        """Any label but the image's own, all equally likely."""
        assert batch.label is not None
        others = self.num_labels - 1
        move = 1 + (others * batch.uniform("wrong_condition")).long().clamp_(max=others - 1)
        return self._one_hot((batch.label + move) % self.num_labels)

    def _one_hot(self, label: Tensor) -> Tensor:
        return F.one_hot(label, self.num_labels).float()

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """A real image, and samples of its label."""
        return {"real": batch.b} | {
            f"sample {place}": self.sample(networks, len(batch.b), batch.label) for place in range(1, NUM_SAMPLES + 1)
        }

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        """G(z|y)."""
        assert label is not None
        noise = draw_noise(self.config.noise, num, self.config.code_size, device=device_of(networks, "generator"))
        return networks["generator"](torch.cat([noise, self._one_hot(label)], dim=1))
