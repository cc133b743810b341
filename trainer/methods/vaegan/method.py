"""VAE/GAN: Autoencoding beyond pixels using a learned similarity metric (Larsen et al. 2016, arXiv:1512.09300)."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from trainer.config.adversarial import AdversarialConfig
from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.losses.latent import kl_divergence
from trainer.methods.base import Method, Network, Networks
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.gaussian_codes import GaussianCodes
from trainer.methods.vaegan.config import VAEGANConfig
from trainer.methods.vaegan.networks import LikenessDiscriminator
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_encoder import ConvEncoder


def build(config: VAEGANConfig, task: Task) -> Method:
    """See `VAEGAN`; `trainer.methods.registry` calls this."""
    return VAEGAN(config, task)


_LOG_LIKELIHOODS = AdversarialConfig(objective="minimax")


class VAEGAN(GaussianCodes):
    """Algorithm 1: Enc minimises L_prior + L_like, Dec minimises gamma L_like and plays L_GAN against Dis.

    x is view b; z ~ q(z|x) = Enc(x), z_p ~ N(0, I). The players step in that order, each with the others as they are by
    then: the decoder's pass is made again by each of them, with the same z, z_p.

    Dis judges x, Dec(z) and Dec(z_p) in batches of their own. In one, as the authors have them, its batch norms tell
    them apart: samples lost to it within 1.6 kimg, which the authors' pauses of Dis prevent.
    """

    def __init__(self, config: VAEGANConfig, task: Task) -> None:
        self.config = config
        channels, side, size = task.channels_b, task.side, config.code_size
        encoder = ConvEncoder(config.encoder, in_channels=channels, side=side, out_features=2 * size)
        decoder = ConvDecoder(config.decoder, in_features=size, side=side, out_channels=channels)
        discriminator = LikenessDiscriminator(config.discriminator, in_channels=channels, side=side, layer=config.layer)
        self.players = {
            "encoder": generator_player(config.adversarial, nn.ModuleDict({"encoder": encoder})),
            "decoder": generator_player(config.adversarial, nn.ModuleDict({"decoder": decoder})),
            "discriminator": discriminator_player(config.adversarial, nn.ModuleDict({"discriminator": discriminator})),
        }
        self.code_size = size
        self.pauses_players = config.pause_margin > 0

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Mean and log variance of q(z|x), and z."""
        return self.infer(networks, batch)

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """L_prior, L_like, and L_GAN over x, Dec(z) and Dec(z_p), to whom algorithm 1 gives them."""
        if player == "encoder":
            return self._encoder(networks, batch, fakes)
        code, prior_code = fakes["code"].detach(), batch.normal("prior", self.code_size)
        if player == "decoder":
            return self._decoder(networks, batch, code=code, prior_code=prior_code)
        with torch.no_grad():
            reconstruction, sample = networks["decoder"](code), networks["decoder"](prior_code)
        return self._discriminator(networks, batch, reconstruction=reconstruction, sample=sample)

    def costs(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """-log Dis(x) as `real`, and -log(1 - Dis) of Dec(z) and Dec(z_p) together as `fake`."""
        codes = self.infer(networks, batch)["code"], batch.normal("prior", self.code_size)
        made = [networks["discriminator"](networks["decoder"](code))[0] for code in codes]
        real, _ = networks["discriminator"](batch.b)
        return discriminator_losses(_LOG_LIKELIHOODS, real=real, fake=torch.cat(made))

    def pauses(self, costs: Mapping[str, float]) -> Collection[str]:
        """The rule of the authors' code, with its equilibrium and margin."""
        above = [cost - self.config.pause_equilibrium for cost in costs.values()]
        paused = {"discriminator"} if min(above) < -self.config.pause_margin else set()
        paused |= {"decoder"} if max(above) > self.config.pause_margin else set()
        return paused if len(paused) < 2 else ()

    def _encoder(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """L_prior + L_like."""
        reconstruction = networks["decoder"](fakes["code"])
        return {
            "prior": kl_divergence(fakes["mean"], fakes["log_variance"]),
            "like": _unlikeness(networks["discriminator"], batch.b, reconstruction),
        }

    def _decoder(self, networks: Networks, batch: Batch, *, code: Tensor, prior_code: Tensor) -> dict[str, Tensor]:
        """gamma L_like, and L_GAN's terms of Dec(z) and Dec(z_p)."""
        reconstruction = networks["decoder"](code)
        reconstructed, _ = networks["discriminator"](reconstruction)
        sampled, _ = networks["discriminator"](networks["decoder"](prior_code))
        terms = {
            "gan_reconstruction": generator_loss(self.config.adversarial, fake=reconstructed),
            "gan_sample": generator_loss(self.config.adversarial, fake=sampled),
        }
        if self.config.gamma > 0:
            terms["like"] = self.config.gamma * _unlikeness(networks["discriminator"], batch.b, reconstruction)
        return terms

    def _discriminator(
        self, networks: Networks, batch: Batch, *, reconstruction: Tensor, sample: Tensor
    ) -> dict[str, Tensor]:
        """L_GAN: log Dis(x) + log(1 - Dis(Dec(z))) + log(1 - Dis(Dec(z_p))), negated. Penalties are between x, z_p."""
        adversarial = self.config.adversarial
        real, reconstructed, sampled = (
            networks["discriminator"](image)[0] for image in (batch.b, reconstruction, sample)
        )
        terms = discriminator_losses(adversarial, real=real, fake=reconstructed)
        return {
            "real": terms["real"],
            "fake_reconstruction": terms["fake"],
            "fake_sample": discriminator_losses(adversarial, real=real, fake=sampled)["fake"],
        } | penalties(
            adversarial,
            networks,
            "discriminator",
            real=batch.b,
            fake=sample,
            batch=batch,
            logits=lambda module, image: module(image)[0],
        )


def _unlikeness(discriminator: Network, image: Tensor, reconstruction: Tensor) -> Tensor:
    """-log N(Dis_l(x) | Dis_l(Dec(z)), I) without its constant: summed over features, averaged over images.

    In one call, as in the authors' code. Batch norms of two would take contrast, brightness and tint out of each for
    itself, and leave likeness blind to these.
    """
    _, features = discriminator(torch.cat([image, reconstruction]))
    of_image, of_reconstruction = features.chunk(2)
    return 0.5 * (of_image - of_reconstruction).square().flatten(1).sum(dim=1).mean()
