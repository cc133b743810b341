"""What the methods with a discriminator share: the players of the game, and the discriminator's penalties."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from trainer.config.adversarial import AdversarialConfig
from trainer.data.batch import Batch
from trainer.losses.adversarial import Logits
from trainer.losses.penalties import Inputs, regularisation
from trainer.methods.base import Networks, Player


def discriminator_player(adversarial: AdversarialConfig, networks: nn.ModuleDict) -> Player:
    """Steps once in `num_generator_steps`; a critic's weights are clipped."""
    period, clip = adversarial.num_generator_steps, adversarial.weight_clip
    return Player(networks=networks, is_discriminator=True, period=period, weight_clip=clip)


def generator_player(adversarial: AdversarialConfig, networks: nn.ModuleDict) -> Player:
    """Steps once in `num_discriminator_steps`."""
    return Player(networks=networks, period=adversarial.num_discriminator_steps)


def penalties(
    adversarial: AdversarialConfig,
    networks: Networks,
    name: str,
    *,
    real: Inputs,
    fake: Inputs,
    batch: Batch,
    stream: str = "epsilon",
    logits: Callable[..., Logits] = nn.Module.__call__,
) -> dict[str, Tensor]:
    """`regularisation` of one discriminator, at points drawn for the batch's samples.

    Empty, and nothing drawn, where no penalty is on. The plain module is called: no engine can wrap what is
    differentiated twice.

    Args:
        name: of the discriminator.
        stream: name of the noise, where a method has several discriminators.
        logits: module and inputs to logits, where the module gives more, or takes more than `real` and `fake`.
    """
    if not adversarial.differentiates_gradients:
        return {}
    judge = partial(logits, networks.module(name))
    return regularisation(adversarial, judge, real=real, fake=fake, epsilon=batch.uniform(stream, 1))
