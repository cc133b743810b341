"""pix2pixHD: High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs (Wang et al. 2018,
arXiv:1711.11585).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.losses.feature_matching import feature_matching
from trainer.methods.base import Method, Networks
from trainer.methods.pix2pixhd.config import Pix2PixHDConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.feature_distance import FeatureDistance
from trainer.networks.generator import build_generator
from trainer.networks.multi_scale import MultiScale


def build(config: Pix2PixHDConfig, task: Task) -> Method:
    """See `Pix2PixHD`; `trainer.methods.registry` calls this.

    Raises:
        ConfigError: the weights of the pretrained network are not there.
    """
    return Pix2PixHD(config, task)


class Pix2PixHD(Method):
    """min_G (max_{D_1, ...} sum_k L_GAN(G, D_k)) + lambda sum_k L_FM(G, D_k) (equation 5); s is view a, x is view b.

    `discriminator` is all D_k, each a patch discriminator of the pair (s, x) at a scale of its own.

    Args:
        distance: of the perceptual term; that of `config.pretrained` unless given.
    """

    def __init__(self, config: Pix2PixHDConfig, task: Task, *, distance: FeatureDistance | None = None) -> None:
        self.config = config
        self.distance = distance or FeatureDistance.make(config.pretrained, weight=config.weight_perceptual)
        channels = task.channels_a + task.channels_b
        discriminator = MultiScale(config.discriminator, in_channels=channels, num_scales=config.num_scales)
        generator = build_generator(config.generator, in_channels=task.channels_a, out_channels=task.channels_b)
        self.players = {
            "discriminator": discriminator_player(config.adversarial, nn.ModuleDict({"discriminator": discriminator})),
            "generator": generator_player(config.adversarial, nn.ModuleDict({"generator": generator})),
        }
        self.averaged = ("generator",)

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(s)."""
        return {"fake_b": networks["generator"](batch.a)}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of equations 3 (GAN) and 4 (feature matching), and the perceptual one."""
        if player == "discriminator":
            return self._discriminator(networks, batch, fakes["fake_b"].detach())
        return self._generator(networks, batch, fakes["fake_b"])

    def _discriminator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        config = self.config.adversarial
        pairs = (torch.cat([batch.a, b], dim=1) for b in (batch.b, fake_b))
        real, fake = map(_logits, networks.each("discriminator", *pairs))
        losses = discriminator_losses(config, real=real, fake=fake)
        losses |= penalties(
            config,
            networks,
            "discriminator",
            real=batch.b,
            fake=fake_b,
            batch=batch,
            logits=lambda module, b: _logits(module(torch.cat([batch.a, b], dim=1))),
        )
        return {name: 0.5 * loss for name, loss in losses.items()}  # as the authors' code does, after pix2pix's

    def _generator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        judge, weight = networks["discriminator"], self.config.weight_features
        fake = judge(torch.cat([batch.a, fake_b], dim=1))
        terms = {"gan": generator_loss(self.config.adversarial, fake=_logits(fake))}
        if weight > 0:
            with torch.no_grad():
                real = judge(torch.cat([batch.a, batch.b], dim=1))
            terms["features"] = weight * feature_matching(real=_features(real), fake=_features(fake))
        if self.distance is not None:
            terms["perceptual"] = self.config.weight_perceptual * self.distance(fake_b, batch.b)
        return terms

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Input, translation and target."""
        return {"input": batch.a, "translation": self.translate(networks, batch.a), "target": batch.b}

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G(s)."""
        return networks["generator"](image)


def _logits(judged: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return [scale[-1] for scale in judged]


def _features(judged: Sequence[Sequence[Tensor]]) -> list[Sequence[Tensor]]:
    return [scale[:-1] for scale in judged]
