"""A GAN from image to image whose output must keep the content of its input: what pixel_gan and feature_gan share."""

from collections.abc import Callable, Mapping
from typing import Protocol

from torch import Tensor, nn

from trainer.config.adversarial import AdversarialConfig
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.losses.pool import ImagePool
from trainer.methods.base import Method, Networks
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.networks.generator import build_generator
from trainer.networks.patchgan import PatchGAN


class ContentSection(Protocol):
    """What it reads of a method's section."""

    @property
    def generator(self) -> GeneratorConfig: ...
    @property
    def discriminator(self) -> PatchGANConfig: ...
    @property
    def adversarial(self) -> AdversarialConfig: ...
    @property
    def pool_size(self) -> int: ...


class ContentGAN(Method):
    """L_G = L_GAN(G, D) + lambda d(G(x), x) (Shrivastava et al. 2017, equations 1 to 4); x is view a, y is view b.

    SimGAN's refiner R is G here. Its D is local too: each logit judges a patch, and the loss is their mean. It shows D
    a history of refined images for half of each batch, which is the image pool (section 2.3). Its two refiner steps to
    one of D are one here, as in the comparison of Zhu et al. 2017.

    Args:
        term: name of the content loss.
        weight: lambda.
        distance: d, of an output and an input, as a mean over the batch; None, as weight 0, leaves the GAN alone.
    """

    def __init__(
        self,
        config: ContentSection,
        task: Task,
        *,
        term: str,
        weight: float,
        distance: Callable[[Tensor, Tensor], Tensor] | None,
    ) -> None:
        adversarial = config.adversarial
        discriminator = PatchGAN(config.discriminator, in_channels=task.channels_b)
        generator = build_generator(config.generator, in_channels=task.channels_a, out_channels=task.channels_b)
        self.adversarial: AdversarialConfig = adversarial
        self.term, self.weight, self.distance = term, weight, distance
        self.players = {
            "discriminator": discriminator_player(adversarial, nn.ModuleDict({"discriminator": discriminator})),
            "generator": generator_player(adversarial, nn.ModuleDict({"generator": generator})),
        }
        self.averaged = ("generator",)
        self.pools: Mapping[str, ImagePool] = {"b": ImagePool(config.pool_size)}

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(x)."""
        return {"fake_b": networks["generator"](batch.a)}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of SimGAN's equations 2 (D) and 4 (G)."""
        if player == "discriminator":
            return self._discriminator(networks, batch, self.pools["b"].query(fakes["fake_b"].detach()))
        terms = {"gan": generator_loss(self.adversarial, fake=networks["discriminator"](fakes["fake_b"]))}
        if self.distance is not None and self.weight > 0:
            terms[self.term] = self.weight * self.distance(fakes["fake_b"], batch.a)
        return terms

    def _discriminator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        discriminator = networks["discriminator"]
        terms = discriminator_losses(self.adversarial, real=discriminator(batch.b), fake=discriminator(fake_b))
        terms |= penalties(self.adversarial, networks, "discriminator", real=batch.b, fake=fake_b, batch=batch)
        # Halved as in CycleGAN, in whose comparison this method stands (models/content_gan_model.lua).
        return {name: 0.5 * term for name, term in terms.items()}

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Input, translation, and an image of the target view: the input's own where the data set knows it."""
        return {"input": batch.a, "translation": self.translate(networks, batch.a), "target": batch.b}

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G(x)."""
        return networks["generator"](image)
