"""The game of an encoder and a generator against one judge of joint pairs: what bigan and bigan_image share."""

from torch import Tensor

from trainer.config.adversarial import AdversarialConfig
from trainer.losses.adversarial import generator_loss


def exchange_losses(config: AdversarialConfig, *, inferred: Tensor, generated: Tensor) -> dict[str, Tensor]:
    """What encoder and generator minimise on D's logits of their pairs: each wants its own taken for the other's.

    Both plain terms minimise log D(x, E(x)) and log(1 - D(G(z), z)) for `minimax`, and -log(1 - D(x, E(x))) and
    -log D(G(z), z) for `non-saturating`. The encoder's is the generator's before a discriminator with the opposite
    labels: the mirrored logit, at 1/2 for least squares, whose labels are 0 and 1, else at 0.
    """
    mirrored = 1 - inferred if config.objective == "least-squares" else -inferred
    return {
        "gan_encoder": generator_loss(config, fake=mirrored),
        "gan_generator": generator_loss(config, fake=generated),
    }
