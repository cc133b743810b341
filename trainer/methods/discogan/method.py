"""DiscoGAN: Learning to Discover Cross-Domain Relations with GANs (Kim et al. 2017, arXiv:1703.05192)."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import generator_loss
from trainer.methods.base import Method, Networks
from trainer.methods.discogan.config import DiscoGANConfig
from trainer.methods.discogan.discriminator import FeatureDiscriminator
from trainer.methods.shared.adversary import discriminator_player, generator_player
from trainer.methods.shared.two_way import (
    GENERATORS,
    apply_aside,
    build_generators,
    discriminator_terms,
    round_trips,
    translate_both,
)


def build(config: DiscoGANConfig, task: Task) -> Method:
    """See `DiscoGAN`; `trainer.methods.registry` calls this."""
    return DiscoGAN(config, task)


class DiscoGAN(Method):
    """L_G = L_GAN_B + L_CONST_A + L_GAN_A + L_CONST_B and L_D = L_D_A + L_D_B (section 2.3); A, B are views a, b.

    G_AB is `generator_a2b`. The authors' code weighs L_GAN and L_CONST as shares of 1, as is done here; it steps the
    discriminators once for two steps of the generators (here each steps each time), and its generators have a norm and
    a LeakyReLU at the bottleneck. It translates with the statistics of the batch; here those of the inputs of a run do,
    so that a translation depends on no other.
    """

    def __init__(self, config: DiscoGANConfig, task: Task) -> None:
        self.config = config
        discriminators = nn.ModuleDict(
            {
                "discriminator_a": FeatureDiscriminator(config.discriminator, in_channels=task.channels_a),
                "discriminator_b": FeatureDiscriminator(config.discriminator, in_channels=task.channels_b),
            }
        )
        self.players = {
            "discriminators": discriminator_player(config.adversarial, discriminators),
            "generators": generator_player(config.adversarial, build_generators(config.generator, task)),
        }
        self.averaged = GENERATORS

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = x_AB = G_AB(x_A), and fake_a = x_BA = G_BA(x_B)."""
        return translate_both(networks, batch)

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """L_D of both views, or the generators' terms of both views."""
        terms: dict[str, Tensor] = {}
        for view, real in (("a", batch.a), ("b", batch.b)):
            fake = fakes[f"fake_{view}"]
            if player == "discriminators":
                terms |= discriminator_terms(
                    self.config.adversarial, networks, view, real=real, fake=fake.detach(), batch=batch
                )
            else:
                terms |= self._adversarial(networks, view, real=real, fake=fake, position=batch.step_position)
        return terms if player == "discriminators" else terms | self._const(networks, batch, fakes)

    def _adversarial(
        self, networks: Networks, view: str, *, real: Tensor, fake: Tensor, position: int
    ) -> dict[str, Tensor]:
        """L_GAN (section 2.2), and beside it the matching of features."""
        weight, feature_share = 1 - self.const_share(position), self.config.feature_share
        logits, *features = networks[f"discriminator_{view}"](fake)
        terms = {}
        if weight * (1 - feature_share) > 0:
            gan = generator_loss(self.config.adversarial, fake=logits)
            terms[f"gan_{view}"] = weight * (1 - feature_share) * gan
        if weight * feature_share > 0:
            _, *real_features = networks[f"discriminator_{view}"](real)
            terms[f"features_{view}"] = (
                weight
                * feature_share
                * feature_distance(
                    [networks.batch_mean(layer) for layer in real_features],
                    [networks.batch_mean(layer) for layer in features],
                )
            )
        return terms

    def _const(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """L_CONST: d(x_ABA, x_A) and d(x_BAB, x_B), with the mean squared error as d (section 2.2), of pixels in [0, 1]
        as the authors have them: a quarter of that in [-1, 1].
        """
        weight = self.const_share(batch.step_position) / 4
        if weight == 0:
            return {}
        (back_a,) = apply_aside(networks, "generator_b2a", fakes["fake_b"])
        (back_b,) = apply_aside(networks, "generator_a2b", fakes["fake_a"])
        return {"const_a": weight * F.mse_loss(back_a, batch.a), "const_b": weight * F.mse_loss(back_b, batch.b)}

    def const_share(self, position: int) -> float:
        """Share of L_CONST in the generators' loss after `position` images."""
        in_curriculum = position < 1000 * self.config.curriculum_kimg
        return self.config.const_share_start if in_curriculum else self.config.const_share

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Both round trips."""
        return round_trips(networks, batch)

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G_AB(x_A)."""
        return networks["generator_a2b"](image)

    def translate_back(self, networks: Networks, image: Tensor) -> Tensor:
        """G_BA(x_B)."""
        return networks["generator_b2a"](image)


def feature_distance(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean squared difference between the mean features of real and of generated images.

    The authors' code passes that square to a hinge embedding loss with label 1, which is its mean.
    """
    layers = zip(real, fake, strict=True)
    return torch.stack([F.mse_loss(ours, theirs) for theirs, ours in layers]).sum()
