"""In which arithmetic what is computed."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.shrink import SIDE
from tests.unit.engine.test_engine import BATCH_SIZE, config_of, make_engine, pix2pix
from trainer.config.adversarial import AdversarialConfig
from trainer.config.engine import EngineConfig
from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.engine.precision import use_tf32

PENALISED = AdversarialConfig(weight_gradient_penalty=10.0, weight_r1=10.0)
TERMS = ("gradient_penalty", "r1")


def penalties(precision: str) -> dict[str, list[Tensor]]:
    """Each penalty, and its gradients by all weights of the discriminator, on the same images."""
    engine = make_engine(config_of(pix2pix(PENALISED), precision=precision))
    torch.manual_seed(0)
    a, b, fake = torch.rand(3, BATCH_SIZE, 3, SIDE, SIDE) * 2 - 1
    batch = Batch(a=a, b=b, index=torch.arange(BATCH_SIZE))
    networks = engine._networks_for(engine.players["discriminator"])
    losses = engine.method.losses("discriminator", networks, batch, {"fake_b": fake})
    weights = list(engine.method.players["discriminator"].networks.parameters())
    return {
        term: [losses[term], *torch.autograd.grad(losses[term], weights, retain_graph=True, allow_unused=True)]
        for term in TERMS
    }


def test_gradient_penalties_are_computed_in_float32():
    """Equal to those of a float32 run but for the order of sums; under autocast they would be 3e-3 off."""
    lowered, whole = penalties("bf16"), penalties("fp32")
    for term in TERMS:
        for ours, expected in zip(lowered[term], whole[term], strict=True):
            assert (ours is None) == (expected is None)
            if ours is not None:
                assert ours.dtype == torch.float32
                assert (ours - expected).norm() <= 1e-5 * expected.norm()


def test_the_bound_tells_float32_from_autocast():
    whole = penalties("fp32")
    with torch.autocast("cpu", torch.bfloat16):
        lowered = penalties("fp32")
    for term in TERMS:
        pairs = [(ours, theirs) for ours, theirs in zip(lowered[term], whole[term], strict=True) if ours is not None]
        assert max(((ours - theirs).norm() / theirs.norm()).item() for ours, theirs in pairs) > 1e-3


def test_fp16_is_refused_where_the_device_turns_out_to_be_a_cpu():
    config = EngineConfig(precision="fp16")
    config.require_device("cuda")
    with pytest.raises(ConfigError, match=r"engine\.precision.*fp16.*use bf16 or fp32"):
        config.require_device("cpu", within="engine.")


@pytest.fixture
def tf32() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("allowed", [False, True])
def test_tf32_is_of_convolutions_and_of_products(allowed: bool):
    """The switches alone: not yet run on a GPU."""
    use_tf32(allowed)
    assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is allowed
