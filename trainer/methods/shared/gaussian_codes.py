"""Codes that an encoder gives mean and variance of: what VAE and VAE/GAN share."""

import torch
from torch import Tensor

from trainer.data.batch import Batch
from trainer.losses.latent import sample_gaussian
from trainer.methods.base import Method, Networks
from trainer.methods.shared.columns import reconstruction_and_samples
from trainer.methods.shared.noise import device_of, draw_noise


class GaussianCodes(Method):
    """q(z|x) is Gaussian with a diagonal covariance, p(z) = N(0, I); x is view b.

    `encoder` gives mean and log variance side by side, (N, 2 code_size); `decoder` makes an image of a code.
    """

    code_size: int
    averaged = ("encoder", "decoder")

    def infer(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Mean and log variance of q(z|x), and one draw of z = mean + s * epsilon: (N, code_size) each."""
        mean, log_variance = networks["encoder"](batch.b).chunk(2, dim=1)
        code = sample_gaussian(mean, log_variance, batch.normal("epsilon", self.code_size))
        return {"mean": mean, "log_variance": log_variance, "code": code}

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Image, reconstruction, and samples that have nothing to do with it."""
        return reconstruction_and_samples(self, networks, batch)

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """The reconstruction from the mean of q(z|x)."""
        return self.decode(networks, self.encode(networks, image))

    @property
    def varies(self) -> bool:
        """Always: q(z|x) has a variance."""
        return True

    def vary(self, networks: Networks, image: Tensor) -> Tensor:
        """The reconstruction from a draw of q(z|x)."""
        return self.decode(networks, draw_code(networks, image))

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        """Images of codes drawn from p(z)."""
        return self.decode(networks, draw_noise("normal", num, self.code_size, device=device_of(networks, "decoder")))

    def encode(self, networks: Networks, image: Tensor) -> Tensor:
        """The mean of q(z|x): (N, code_size)."""
        return networks["encoder"](image).chunk(2, dim=1)[0]

    def decode(self, networks: Networks, code: Tensor) -> Tensor:
        """The decoder's image of a code."""
        return networks["decoder"](code)


def draw_code(networks: Networks, image: Tensor) -> Tensor:
    """A draw of q(z|x), whose mean and log variance `encoder` gives side by side: (N, code_size)."""
    mean, log_variance = networks["encoder"](image).chunk(2, dim=1)
    return sample_gaussian(mean, log_variance, torch.randn_like(mean))
