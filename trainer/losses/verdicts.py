"""What discriminators say of real and of generated images, heard where their losses are made of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from trainer.config.adversarial import AdversarialConfig

Logits = Tensor | Sequence[Tensor]
"""Of one discriminator, or of each of several."""

_LOGARITHMIC = ("minimax", "non-saturating")
_MOST_OF_A_SCALE = 1024

Listener = Callable[[AdversarialConfig, Logits, Logits], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside, the listener is given the settings and the real and the fake logits of each discriminator's loss."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(config: AdversarialConfig, *, real: Logits, fake: Logits) -> None:
    """Let whoever listens hear them; nothing otherwise."""
    listener = _listener.get()
    if listener is not None:
        listener(config, real, fake)


@torch.no_grad()
def verdicts(config: AdversarialConfig, *, real: Logits, fake: Logits) -> dict[str, Tensor]:
    """Scalars: `score_real` and `score_fake`, the mean verdict, and of all but critics `accuracy_real` and
    `accuracy_fake`.

    A verdict is D(x) in 0 to 1 of a logarithmic objective, and the value itself of the others. Accuracy is the share
    of logits on the right side of the middle: 1/2 of D(x), and of least squares; 0 of hinge. A critic (Wasserstein) has
    no middle: it is to tell all apart, by as much as it can. Logits of several scales weigh the same, scale by scale.
    """
    scales = list(zip(_as_list(real), _as_list(fake), strict=True))
    each = [_of_one(config.objective, one.detach().float(), other.detach().float()) for one, other in scales]
    return {name: torch.stack([values[name] for values in each]).mean() for name in each[0]}


@torch.no_grad()
def single_verdicts(config: AdversarialConfig, logits: Logits) -> Tensor:
    """float32 (N,): each verdict, of all scales one after the other, evenly spaced where they are very many."""
    parts = [scale.detach().float().flatten() for scale in _as_list(logits)]
    flat = torch.cat([part[:: max(1, len(part) // _MOST_OF_A_SCALE)] for part in parts])
    return flat.sigmoid() if config.objective in _LOGARITHMIC else flat


def _of_one(objective: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    middle = 0.0
    if objective in _LOGARITHMIC:
        real, fake, middle = real.sigmoid(), fake.sigmoid(), 0.5
    elif objective == "least-squares":
        middle = 0.5
    scores = {"score_real": real.mean(), "score_fake": fake.mean()}
    if objective == "wasserstein":
        return scores
    right = {"accuracy_real": real > middle, "accuracy_fake": fake < middle}
    return scores | {name: verdicts.float().mean() for name, verdicts in right.items()}


def _as_list(logits: Logits) -> list[Tensor]:
    return [logits] if isinstance(logits, Tensor) else list(logits)
