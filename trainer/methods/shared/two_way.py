"""What the methods that translate both ways share: two generators, two discriminators, the round trip.

View a is X of CycleGAN, U of DualGAN and A of DiscoGAN; `discriminator_a` judges images of view a.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.config.adversarial import AdversarialConfig
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.data.batch import Batch
from trainer.losses.adversarial import discriminator_losses
from trainer.methods.base import Networks
from trainer.methods.shared.adversary import penalties
from trainer.networks.generator import build_generator
from trainer.networks.patchgan import PatchGAN

GENERATORS = ("generator_a2b", "generator_b2a")


def build_generators(config: GeneratorConfig, task: Task) -> nn.ModuleDict:
    """`generator_a2b` and `generator_b2a`."""
    a, b = task.channels_a, task.channels_b
    return nn.ModuleDict(
        {
            "generator_a2b": build_generator(config, in_channels=a, out_channels=b),
            "generator_b2a": build_generator(config, in_channels=b, out_channels=a),
        }
    )


def build_patchgans(config: PatchGANConfig, task: Task) -> nn.ModuleDict:
    """`discriminator_a` and `discriminator_b`."""
    return nn.ModuleDict(
        {
            "discriminator_a": PatchGAN(config, in_channels=task.channels_a),
            "discriminator_b": PatchGAN(config, in_channels=task.channels_b),
        }
    )


def translate_both(networks: Networks, batch: Batch) -> dict[str, Tensor]:
    """fake_b of a, and fake_a of b."""
    return {"fake_b": networks["generator_a2b"](batch.a), "fake_a": networks["generator_b2a"](batch.b)}


def apply_aside(networks: Networks, name: str, *batches: Tensor) -> tuple[Tensor, ...]:
    """What a generator makes of images that it will not meet when it is used: fakes on the way back, or its own view.

    Batch norms normalise them as ever, but keep running statistics of the others alone.
    """
    with _statistics_as_they_are(networks.module(name)):
        return networks.each(name, *batches)


@contextmanager
def _statistics_as_they_are(module: nn.Module) -> Iterator[None]:
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def discriminator_terms(
    config: AdversarialConfig, networks: Networks, view: str, *, real: Tensor, fake: Tensor, batch: Batch
) -> dict[str, Tensor]:
    """Losses and penalties of the discriminator of one view, whose logits are its only or its first result.

    Args:
        view: `a` or `b`; ends the names of the terms.
        fake: detached.
    """
    name = f"discriminator_{view}"
    of_real, of_fake = map(_logits, networks.each(name, real, fake))
    terms = discriminator_losses(config, real=of_real, fake=of_fake)
    terms |= penalties(
        config,
        networks,
        name,
        real=real,
        fake=fake,
        batch=batch,
        stream=f"epsilon_{view}",
        logits=lambda module, image: _logits(module(image)),
    )
    return {f"{term}_{view}": loss for term, loss in terms.items()}


def round_trips(networks: Networks, batch: Batch) -> dict[str, Tensor]:
    """Columns of a picture: each view, its translation, and the way back."""
    fakes = translate_both(networks, batch)
    return {
        "a": batch.a,
        "a to b": fakes["fake_b"],
        "and back": networks["generator_b2a"](fakes["fake_b"]),
        "b": batch.b,
        "b to a": fakes["fake_a"],
        "back again": networks["generator_a2b"](fakes["fake_a"]),
    }


def _logits(judged: Tensor | tuple[Tensor, ...]) -> Tensor:
    return judged if isinstance(judged, Tensor) else judged[0]
