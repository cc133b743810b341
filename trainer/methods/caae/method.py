"""CAAE: Age Progression/Regression by Conditional Adversarial Autoencoder (Zhang et al. 2017, arXiv:1702.08423)."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.losses.smoothness import total_variation
from trainer.methods.base import Method, Networks
from trainer.methods.caae.config import CAAEConfig
from trainer.methods.caae.networks import CAAEEncoder, CAAEGenerator, CodeDiscriminator, LabelledDiscriminator
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties

LARGEST_NUM_COLUMNS = 10  # of labels in a picture


def build(config: CAAEConfig, task: Task) -> Method:
    """See `CAAE`; `trainer.methods.registry` calls this."""
    return CAAE(config, task)


class CAAE(Method):
    """Equation 4: lambda L(x, G(E(x), l)) + gamma TV(G(E(x), l)) and both adversarial games; x is view b, l its label.

    D_z tells codes E(x) from the uniform prior, so that every code is a face; D_img tells images from real ones of
    their label, so that G must show it. Labels are one-hot with -1 for 0, in the range of codes and images. With a
    `second_label`, l is both; `relabel` changes the first.
    """

    def __init__(self, config: CAAEConfig, task: Task) -> None:
        self.config = config
        self.num_labels = task.num_labels
        adversarial, channels, side = config.adversarial, task.channels_b, task.side
        self.num_values = [task.num_labels, *(task.num_values[name] for name in config.further_labels.values())]
        judge = LabelledDiscriminator(config, in_channels=channels, num_values=self.num_values, side=side)
        autoencoder = {
            "encoder": CAAEEncoder(config, in_channels=channels, side=side),
            "generator": CAAEGenerator(config, num_values=self.num_values, side=side, out_channels=channels),
        }
        self.players = {
            name: discriminator_player(adversarial, nn.ModuleDict({name: network}))
            for name, network in (("discriminator_z", CodeDiscriminator(config)), ("discriminator_image", judge))
        }
        self.players["autoencoder"] = generator_player(adversarial, nn.ModuleDict(autoencoder))
        self.averaged = ("encoder", "generator")

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """z = E(x), and G(z, l) with the image's own label."""
        code = networks["encoder"](batch.b)
        return {"code": code, "fake_b": networks["generator"](code, *self._conditions(batch))}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of equation 2 (D_z), of equation 3 (D_img), or all that E and G minimise."""
        if player == "discriminator_z":
            return self._discriminator_z(networks, batch, fakes["code"].detach())
        if player == "discriminator_image":
            return self._discriminator_image(networks, batch, fakes["fake_b"].detach())
        return self._reconstruction(batch, fakes["fake_b"]) | self._adversarial(networks, batch, fakes)

    def _discriminator_z(self, networks: Networks, batch: Batch, code: Tensor) -> dict[str, Tensor]:
        adversarial, discriminator = self.config.adversarial, networks["discriminator_z"]
        prior = 2 * batch.uniform("prior", self.config.code_size) - 1
        terms = discriminator_losses(adversarial, real=discriminator(prior), fake=discriminator(code))
        return terms | penalties(
            adversarial, networks, "discriminator_z", real=prior, fake=code, batch=batch, stream="epsilon_z"
        )

    def _discriminator_image(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        adversarial, conditions = self.config.adversarial, self._conditions(batch)
        discriminator = networks["discriminator_image"]
        terms = discriminator_losses(
            adversarial, real=discriminator(batch.b, *conditions), fake=discriminator(fake_b, *conditions)
        )
        return terms | penalties(
            adversarial,
            networks,
            "discriminator_image",
            real=batch.b,
            fake=fake_b,
            batch=batch,
            stream="epsilon_image",
            logits=lambda module, image: module(image, *conditions),
        )

    def _reconstruction(self, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        distance = F.l1_loss if self.config.distance == "l1" else F.mse_loss
        terms = {"reconstruction": self.config.weight_reconstruction * distance(fake_b, batch.b)}
        if self.config.weight_total_variation > 0:
            terms["total_variation"] = self.config.weight_total_variation * total_variation(fake_b)
        return terms

    def _adversarial(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        terms = {}
        if self.config.weight_gan_z > 0:
            logits = networks["discriminator_z"](fakes["code"])
            terms["gan_z"] = self.config.weight_gan_z * generator_loss(self.config.adversarial, fake=logits)
        if self.config.weight_gan_image > 0:
            logits = networks["discriminator_image"](fakes["fake_b"], *self._conditions(batch))
            terms["gan_image"] = self.config.weight_gan_image * generator_loss(self.config.adversarial, fake=logits)
        return terms

    def _conditions(self, batch: Batch) -> list[Tensor]:
        assert batch.label is not None
        return self._signs(batch.label, batch.labels)

    def _signs(self, label: Tensor, kept: Mapping[str, Tensor]) -> list[Tensor]:
        """int64 (N,) of each label -> (N, its number of values): 1 at the value, else -1."""
        labels = [label, *(kept[name] for name in self.config.further_labels.values())]
        return [2 * F.one_hot(each, num).float() - 1 for each, num in zip(labels, self.num_values, strict=True)]

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """The image, and the same at every label; of more than ten, at ten evenly spaced ones."""
        num_shown = min(self.num_labels, LARGEST_NUM_COLUMNS)
        shown = torch.linspace(0, self.num_labels - 1, num_shown).round().long().tolist()
        return {"input": batch.b} | {
            f"label {value}": self.relabel(
                networks, batch.b, torch.full((len(batch.b),), value, device=batch.b.device), batch.labels
            )
            for value in shown
        }

    def relabel(
        self, networks: Networks, image: Tensor, label: Tensor, kept: Mapping[str, Tensor] = MappingProxyType({})
    ) -> Tensor:
        """G(E(x), l) with any label l, and the image's own second one."""
        return networks["generator"](networks["encoder"](image), *self._signs(label, kept))
