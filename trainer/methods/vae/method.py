"""VAE: Auto-Encoding Variational Bayes (Kingma & Welling 2014, arXiv:1312.6114)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.latent import kl_divergence
from trainer.methods.base import Method, Networks, Player
from trainer.methods.shared.gaussian_codes import GaussianCodes
from trainer.methods.vae.config import VAEConfig
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_encoder import ConvEncoder


def build(config: VAEConfig, task: Task) -> Method:
    """See `VAE`; `trainer.methods.registry` calls this."""
    return VAE(config, task)


class VAE(GaussianCodes):
    """The bound of equation 10, negated: KL(q(z|x) | p(z)) - E[log p(x|z)], with one draw of z for each image.

    x is view b, p(z) = N(0, I), q(z|x) is Gaussian with a diagonal covariance (equation 9). As in the paper the
    likelihood is a sum over the pixels of an image and KL over the dimensions of a code: nats per image, averaged over
    the batch. These are large numbers, to which Adam's and RMSProp's steps are indifferent.
    """

    def __init__(self, config: VAEConfig, task: Task) -> None:
        self.config = config
        channels, side, size = task.channels_b, task.side, config.code_size
        self._is_bernoulli = config.likelihood == "bernoulli"
        networks = {
            "encoder": ConvEncoder(config.encoder, in_channels=channels, side=side, out_features=2 * size),
            "decoder": ConvDecoder(
                config.decoder, in_features=size, side=side, out_channels=channels, bounded=not self._is_bernoulli
            ),
        }
        self.players = {"autoencoder": Player(networks=nn.ModuleDict(networks))}
        self.code_size = size

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Mean and log variance of q(z|x), and what the decoder makes of z = mean + s * epsilon."""
        inferred = self.infer(networks, batch)
        return inferred | {"decoded": networks["decoder"](inferred["code"])}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """-log p(x|z), and beta times KL as in appendix B."""
        terms = {"likelihood": self._negative_log_likelihood(fakes["decoded"], batch.b)}
        if self.config.beta > 0:
            terms["kl"] = self.config.beta * kl_divergence(fakes["mean"], fakes["log_variance"])
        return terms

    def _negative_log_likelihood(self, decoded: Tensor, image: Tensor) -> Tensor:
        """Summed over pixels, averaged over images.

        `bernoulli` (appendix C.1): -x log y - (1 - x) log(1 - y), x and y in [0, 1].
        `gaussian` (appendix C.2) with variance 1: (x - y)^2 / 2, x and y in [-1, 1], less the constant log(2 pi) / 2.
        """
        if self._is_bernoulli:
            # y = (tanh(u) + 1) / 2 = sigmoid(2 u), where u is the decoder's value
            pixels = F.binary_cross_entropy_with_logits(2 * decoded, (image + 1) / 2, reduction="none")
        else:
            pixels = 0.5 * (image - decoded).square()
        return pixels.flatten(1).sum(dim=1).mean()

    def decode(self, networks: Networks, code: Tensor) -> Tensor:
        """The mean of p(x|z)."""
        decoded = networks["decoder"](code)
        return torch.tanh(decoded) if self._is_bernoulli else decoded
