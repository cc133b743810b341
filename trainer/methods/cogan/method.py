"""CoGAN: Coupled Generative Adversarial Networks (Liu & Tuzel 2016, arXiv:1606.07536)."""

from collections.abc import Mapping

from torch import Tensor, nn

from trainer.config.method import Task
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses, generator_loss
from trainer.methods.base import Method, Networks
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.cogan.inversion import find_codes
from trainer.methods.cogan.networks import CoupledDiscriminator, CoupledGenerator
from trainer.methods.shared.adversary import discriminator_player, generator_player, penalties
from trainer.methods.shared.noise import device_of, draw_noise, training_noise


def build(config: CoGANConfig, task: Task) -> Method:
    """See `CoGAN`; `trainer.methods.registry` calls this."""
    return CoGAN(config, task)


class CoGAN(Method):
    """Two GANs, of view a (f1, g1) and view b (f2, g2), that share weights (section 3).

    g1 and g2 are `coupled_generator`, f1 and f2 `coupled_discriminator`. What they share, and the z that both images
    are made of, is all that makes images of a and b correspond.

    A translation is an optimisation: `num_inversion_steps` forward and backward passes of the generator on
    `num_restarts` codes for each image. That is about 200 x 4 x 3 times the work of one pass of another method's
    generator with the default settings.
    """

    translates_by_chance = True  # the search for a code starts anywhere

    def __init__(self, config: CoGANConfig, task: Task) -> None:
        self.config = config
        channels, side = (task.channels_a, task.channels_b), task.side
        discriminator = CoupledDiscriminator(
            config.discriminator, side=side, channels=channels, num_private=config.num_private_discriminator_layers
        )
        generator = CoupledGenerator(
            config.generator,
            code_size=config.code_size,
            side=side,
            channels=channels,
            num_private=config.num_private_generator_layers,
        )
        self.players = {
            "discriminators": discriminator_player(
                config.adversarial, nn.ModuleDict({"coupled_discriminator": discriminator})
            ),
            "generators": generator_player(config.adversarial, nn.ModuleDict({"coupled_generator": generator})),
        }
        self.averaged = ("coupled_generator",)

    def forward(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """fake_a = g1(z) and fake_b = g2(z), of one z."""
        code = training_noise(self.config.noise, batch, self.config.code_size)
        fake_a, fake_b = networks["coupled_generator"](code)
        return {"fake_a": fake_a, "fake_b": fake_b}

    def losses(self, player: str, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of V(f1, f2, g1, g2), the sum of both GANs (section 3): of f1 and f2, or of g1 and g2."""
        if player == "discriminators":
            return self._discriminators(networks, batch, {name: fake.detach() for name, fake in fakes.items()})
        logits_a, logits_b = networks["coupled_discriminator"](fakes["fake_a"], fakes["fake_b"])
        return {
            "gan_a": generator_loss(self.config.adversarial, fake=logits_a),
            "gan_b": generator_loss(self.config.adversarial, fake=logits_b),
        }

    def _discriminators(self, networks: Networks, batch: Batch, fakes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        discriminator = networks["coupled_discriminator"]
        real, fake = discriminator(batch.a, batch.b), discriminator(fakes["fake_a"], fakes["fake_b"])
        terms: dict[str, Tensor] = {}
        for place, view in enumerate("ab"):
            of_view = discriminator_losses(self.config.adversarial, real=real[place], fake=fake[place])
            of_view |= self._regularisation(networks, batch, view, fake=fakes[f"fake_{view}"])
            terms |= {f"{name}_{view}": term for name, term in of_view.items()}
        return terms

    def _regularisation(self, networks: Networks, batch: Batch, view: str, *, fake: Tensor) -> dict[str, Tensor]:
        """The penalties of f1 or f2 by itself; the other judges real images meanwhile."""

        def logits(module: nn.Module, image: Tensor) -> Tensor:
            return module(image, batch.b)[0] if view == "a" else module(batch.a, image)[1]

        return penalties(
            self.config.adversarial,
            networks,
            "coupled_discriminator",
            real=batch.a if view == "a" else batch.b,
            fake=fake,
            batch=batch,
            stream=f"epsilon_{view}",
            logits=logits,
        )

    def columns(self, networks: Networks, batch: Batch) -> dict[str, Tensor]:
        """Image a, g1 and g2 of the code found for it, image b, and a pair of another code."""
        reconstruction, translation = networks["coupled_generator"](self._find_codes(networks, batch.a, view=0))
        sample_a, sample_b = networks["coupled_generator"](self._draw(networks, len(batch.a)))
        return {
            "input": batch.a,
            "reconstruction": reconstruction,
            "translation": translation,
            "target": batch.b,
            "sample a": sample_a,
            "sample b": sample_b,
        }

    def translate(self, networks: Networks, image: Tensor) -> Tensor:
        """g2(z*), where g1(z*) is as near to the image as was found (section 5)."""
        return networks["coupled_generator"](self._find_codes(networks, image, view=0), (1,))[0]

    def translate_back(self, networks: Networks, image: Tensor) -> Tensor:
        """g1(z*), where g2(z*) is as near to the image as was found."""
        return networks["coupled_generator"](self._find_codes(networks, image, view=1), (0,))[0]

    def sample(self, networks: Networks, num: int, label: Tensor | None) -> Tensor:
        """g2(z)."""
        return self.sample_views(networks, num, label)["b"]

    def sample_views(self, networks: Networks, num: int, label: Tensor | None) -> Mapping[str, Tensor]:
        """g1(z) and g2(z), of one z."""
        return dict(zip("ab", networks["coupled_generator"](self._draw(networks, num)), strict=True))

    def _draw(self, networks: Networks, *shape: int) -> Tensor:
        device = device_of(networks, "coupled_generator")
        return draw_noise(self.config.noise, *shape, self.config.code_size, device=device)

    def _find_codes(self, networks: Networks, image: Tensor, *, view: int) -> Tensor:
        config = self.config
        return find_codes(
            lambda code: networks["coupled_generator"](code, (view,))[0],
            image,
            starts=self._draw(networks, config.num_restarts, len(image)),
            num_steps=config.num_inversion_steps,
            lr=config.inversion_lr,
            bound=1.0 if config.noise == "uniform" else None,
        )
