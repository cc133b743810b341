"""In which arithmetic what is computed."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from tests.shrink import SIDE
from tests.unit.engine.test_engine import BATCH_SIZE, config_of, make_engine, pix2pix
from trainer.config.adversarial import AdversarialConfig
from trainer.config.engine import EngineConfig
from trainer.config.errors import ConfigError
from trainer.data.batch import Batch
from trainer.engine.precision import autocasting, lower_weights, use_tf32

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


def test_weights_kept_in_bf16_give_what_autocast_makes_of_float32():
    """Those of a parametrisation stay as they are: the norm that it divides by is of float32."""
    torch.manual_seed(0)
    ways = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 4, 4), nn.Flatten(), nn.Linear(484, 2)
    network = nn.Sequential(spectral_norm(nn.Conv2d(3, 3, 3, padding=1)), *ways).eval()
    call = autocasting(network, device=torch.device("cpu"), dtype=torch.bfloat16)
    images = torch.randn(2, 3, 10, 10)
    with torch.no_grad():
        expected = call(images)
        lower_weights(network, torch.bfloat16)
        assert torch.equal(call(images), expected)
    found = {name: weights.dtype for name, weights in network.named_parameters() if weights.dtype != torch.float32}
    assert {name.partition(".")[0] for name in found} == {"1", "3", "5"}
