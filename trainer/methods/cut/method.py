"""CUT and FastCUT: Contrastive Learning for Unpaired Image-to-Image Translation (Park et al. 2020,
arXiv:2007.15651).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.losses.contrastive import patch_nce
from trainer.methods.base import Method, Networks
from trainer.methods.cut.config import CUTConfig
from trainer.methods.cut.heads import Heads
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.networks.generator import build_generator
from trainer.networks.patchgan import PatchGAN


def build(config: CUTConfig, task: Task) -> Method:
    """See `CUT`; `trainer.methods.registry` calls this."""
    return CUT(config, task)


class CUT(Method):
    """L_GAN(G, D) + lambda_X L_PatchNCE(G, H, X) + lambda_Y L_PatchNCE(G, H, Y) (equation 5); X is view a, Y is view b.

    The features are those of G's own encoder, G_enc: `heads` H learn with G. What a patch is told from are the other
    patches of its image (the internal negatives of section 3).
    """

    def __init__(self, config: CUTConfig, task: Task) -> None:
        self.config = config
        present = config.generator.layers(task.channels_a)
        heads = Heads([present[name].channels for name in config.layers], code_size=config.code_size)
        discriminator = PatchGAN(config.discriminator, in_channels=task.channels_b)
        generator = build_generator(config.generator, in_channels=task.channels_a, out_channels=task.channels_b)
        self.players = {
            "discriminator": discriminator_player(config.adversarial, nn.ModuleDict({"discriminator": discriminator})),
            "generator": generator_player(config.adversarial, nn.ModuleDict({"generator": generator, "heads": heads})),
        }
        self.averaged = ("generator",)

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_b = G(x); with flips, of every second x its mirror image."""
        return {"fake_b": networks["generator"](self._mirrored(batch, batch.a))}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of equations 1 (GAN) and 4 (PatchNCE)."""
        if player == "discriminator":
            return self._discriminator(networks, batch, fakes["fake_b"].detach())
        return self._generator(networks, batch, fakes["fake_b"])

    def _discriminator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        adversarial = self.config.adversarial
        real, fake = networks.each("discriminator", batch.b, fake_b)
        terms = discriminator_losses(adversarial, real=real, fake=fake)
        terms |= penalties(adversarial, networks, "discriminator", real=batch.b, fake=fake_b, batch=batch)
        return {name: 0.5 * term for name, term in terms.items()}  # as the authors' code does, after CycleGAN's

    def _generator(self, networks: Networks, batch: Batch, fake_b: Tensor) -> dict[str, Tensor]:
        config, layers = self.config, self.config.layers
        terms = {"gan": generator_loss(config.adversarial, fake=networks["discriminator"](fake_b))}
        made = tuple(self._mirrored(batch, layer) for layer in networks["generator"](fake_b, layers))
        terms["nce"] = config.weight_nce * self._contrast(networks, batch, made, of=batch.a, stream="patches")
        if config.weight_identity > 0:
            made = networks["generator"](networks["generator"](batch.b), layers)
            nce = self._contrast(networks, batch, made, of=batch.b, stream="patches of identity")
            terms["nce_identity"] = config.weight_identity * nce
        return terms

    def _contrast(
        self, networks: Networks, batch: Batch, made: tuple[Tensor, ...], *, of: Tensor, stream: str
    ) -> Tensor:
        """L_PatchNCE between the features of an output and those of its input, at the same random places.

        Args:
            made: of each layer, the features of the output.
            of: the input.
            stream: name of the noise that draws the places.
        """
        with torch.no_grad():  # the authors' code computes gradients of the keys, and drops them
            given = networks.frozen("generator")(of, self.config.layers)
        named = zip(self.config.layers, made, strict=True)
        places = [self._places(batch, layer, f"{stream} {name}") for name, layer in named]
        queries = networks["heads"](*(_at(layer, at) for layer, at in zip(made, places, strict=True)))
        with torch.no_grad():
            keys = networks.frozen("heads")(*(_at(layer, at) for layer, at in zip(given, places, strict=True)))
        tau = self.config.temperature
        codes = zip(queries, keys, strict=True)
        return torch.stack([patch_nce(query, key, temperature=tau) for query, key in codes]).mean()

    def _places(self, batch: Batch, features: Tensor, stream: str) -> Tensor:
        """(N, S) of the H x W places of a layer, none twice: the same for a sample on any number of ranks."""
        num_places = features.shape[2] * features.shape[3]
        return batch.uniform(stream, num_places).topk(min(self.config.num_patches, num_places), dim=1).indices

    def _mirrored(self, batch: Batch, features: Tensor) -> Tensor:
        """(N, C, H, W) with those mirrored whose samples are; so twice is not at all."""
        if not self.config.flips:
            return features
        is_mirrored = batch.uniform("flip", 1, 1, 1) < 0.5
        return torch.where(is_mirrored, features.flip(3), features)

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Input, translation, and an image of the target view: the input's own where the data set knows it."""
        return {"input": batch.a, "translation": self.translate(networks, batch.a), "target": batch.b}

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """G(x)."""
        return networks["generator"](image)


def _at(features: Tensor, places: Tensor) -> Tensor:
    """(N, C, H, W) at places (N, S) of the H x W -> (N, S, C)."""
    index = places.unsqueeze(1).expand(-1, features.shape[1], -1)
    return features.flatten(2).gather(2, index).transpose(1, 2)
