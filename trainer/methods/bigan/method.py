"""BiGAN: Adversarial Feature Learning (Donahue et al. 2017, arXiv:1605.09782), and ALI: Adversarially Learned Inference
(Dumoulin et al. 2017, arXiv:1606.00704).
"""

from collections.abc import Mapping

from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses
from trainer.losses.latent import sample_gaussian
from trainer.methods.base import Method, Networks
from trainer.methods.bigan.config import BiGANConfig
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.columns import reconstruction_and_samples
from trainer.methods.shared.exchange import exchange_losses
from trainer.methods.shared.gaussian_codes import draw_code
from trainer.methods.shared.noise import device_of, draw_noise, training_noise
from trainer.networks.conv_decoder import ConvDecoder
from trainer.networks.conv_encoder import ConvEncoder
from trainer.networks.joint_discriminator import JointDiscriminator


def build(config: BiGANConfig, task: Task) -> Method:
    """See `BiGAN`; `trainer.methods.registry` calls this."""
    return BiGAN(config, task)


class BiGAN(Method):
    """min_{G,E} max_D E[log D(x, E(x))] + E[log(1 - D(G(z), z))] (BiGAN, equations 2 and 3); x is view b.

    The pair of an image and its inferred code is real to D, that of a code and its generated image fake.
    """

    def __init__(self, config: BiGANConfig, task: Task) -> None:
        self.config = config
        self._is_gaussian = config.posterior == "gaussian"
        channels, side, size = task.channels_b, task.side, config.code_size
        discriminator = JointDiscriminator(config.discriminator, in_channels=channels, side=side, code_size=size)
        networks = {
            "encoder": ConvEncoder(
                config.encoder, in_channels=channels, side=side, out_features=2 * size if self._is_gaussian else size
            ),
            "generator": ConvDecoder(config.generator, in_features=size, side=side, out_channels=channels),
        }
        self.players = {
            "discriminator": discriminator_player(config.adversarial, nn.ModuleDict({"discriminator": discriminator})),
            "encoder_generator": generator_player(config.adversarial, nn.ModuleDict(networks)),
        }
        self.averaged = ("encoder", "generator")

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """The inferred code E(x), z, and the generated image G(z)."""
        size = self.config.code_size
        inferred = networks["encoder"](batch.b)
        if self._is_gaussian:  # ALI, section 2.1: z = mu(x) + sigma(x) epsilon
            mean, log_variance = inferred.chunk(2, dim=1)
            inferred = sample_gaussian(mean, log_variance, batch.normal("posterior", size))
        code = training_noise(self.config.noise, batch, size)
        return {"inferred": inferred, "code": code, "generated": networks["generator"](code)}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms of D, or of E and G (BiGAN, section 3.4: with the labels of both kinds of pairs exchanged)."""
        if player == "discriminator":
            return self._discriminator(networks, batch, {name: fake.detach() for name, fake in fakes.items()})
        discriminator = networks["discriminator"]
        return exchange_losses(
            self.config.adversarial,
            inferred=discriminator(batch.b, fakes["inferred"]),
            generated=discriminator(fakes["generated"], fakes["code"]),
        )

    def _discriminator(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        adversarial, discriminator = self.config.adversarial, networks["discriminator"]
        inferred, generated = (batch.b, fakes["inferred"]), (fakes["generated"], fakes["code"])
        terms = discriminator_losses(adversarial, real=discriminator(*inferred), fake=discriminator(*generated))
        return terms | penalties(adversarial, networks, "discriminator", real=inferred, fake=generated, batch=batch)

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Image, reconstruction, and samples that have nothing to do with it."""
        return reconstruction_and_samples(self, networks, batch)

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """The reconstruction G(E(x)), which no loss asks for: the game's optimum implies it (BiGAN, section 3.2)."""
        return self.decode(networks, self.encode(networks, image))

    @property
    def varies(self) -> bool:
        """Where the encoder gives a Gaussian, as in ALI; BiGAN's gives one code."""
        return self._is_gaussian

    def vary(self, networks: Networks, image: Tensor) -> Tensor:
        """G(z) of a draw z = mu(x) + sigma(x) epsilon."""
        return self.decode(networks, draw_code(networks, image))

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        """G(z)."""
        noise = draw_noise(self.config.noise, num, self.config.code_size, device=device_of(networks, "generator"))
        return self.decode(networks, noise)

    def encode(self, networks: Networks, image: Tensor) -> Tensor:
        """E(x), of a Gaussian its mean: (N, code_size)."""
        inferred = networks["encoder"](image)
        return inferred.chunk(2, dim=1)[0] if self._is_gaussian else inferred

    def decode(self, networks: Networks, code: Tensor) -> Tensor:
        """G(z)."""
        return networks["generator"](code)
