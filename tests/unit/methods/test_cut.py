"""CUT's terms against loops written out, its places and mirrors, and what its layers demand."""

from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.unit.methods.players import check_that_players_train_alone, own_networks
from trainer.config.data import DataConfig
from trainer.config.errors import ConfigError
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.section import check_section
from trainer.data.batch import Batch
from trainer.losses.contrastive import patch_nce
from trainer.methods.base import Networks
from trainer.methods.cut.config import CUTConfig
from trainer.methods.cut.heads import Heads
from trainer.methods.cut.method import CUT
from trainer.methods.registry import parse_method

TASK = Task(channels_a=3, channels_b=3, side=16)
SMALL = CUTConfig(
    generator=GeneratorConfig(architecture="resnet", num_filters=2, num_blocks=2, norm="instance", dropout=0.0),
    discriminator=PatchGANConfig(num_filters=2, num_layers=1, norm="instance"),
    layers=("image", "encoder.3", "blocks.0"),
    num_patches=8,
    code_size=4,
)


def batch_at(*positions: int) -> Batch:
    generator = torch.Generator().manual_seed(sum(positions))
    a, b = (torch.rand(len(positions), 3, 16, 16, generator=generator) * 2 - 1 for _ in range(2))
    return Batch(a=a, b=b, index=torch.tensor(positions), seed=3)


def build(**changes) -> CUT:
    torch.manual_seed(0)
    return CUT(replace(SMALL, **changes), TASK)


def test_nce_of_two_patches():
    # Directions: q = (1, 0), (0, 1); k = (0.6, 0.8), (0, 1): their lengths do not count. tau = 0.5.
    query = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
    key = torch.tensor([[[3.0, 4.0], [0.0, 0.1]]])
    first = -log(exp(1.2) / (exp(1.2) + exp(0)))
    second = -log(exp(2) / (exp(1.6) + exp(2)))
    assert patch_nce(query, key, temperature=0.5).item() == pytest.approx((first + second) / 2)


def test_nce_knows_no_patch_of_another_image():
    codes = torch.eye(2).expand(2, 2, 2)
    assert patch_nce(codes, codes, temperature=1).item() == pytest.approx(log(1 + exp(-1)))


def test_keys_take_no_gradient():
    query, key = (torch.rand(1, 3, 2, requires_grad=True) for _ in range(2))
    patch_nce(query, key, temperature=0.07).backward()
    assert query.grad is not None
    assert key.grad is None


def reference(method: CUT, batch: Batch, *, image: Tensor, made: Tensor, stream: str) -> float:
    """L_PatchNCE in NumPy, patch by patch, from the networks' own features."""
    networks, config = own_networks(method), method.config
    heads = networks.module("heads")
    assert isinstance(heads, Heads)
    total = 0.0
    for layer, name in enumerate(config.layers):
        with torch.no_grad():
            given, got = (networks["generator"](one, (name,))[0] for one in (image, made))
        height, width = given.shape[2:]
        for sample in range(len(image)):
            noise = batch.uniform(f"{stream} {name}", height * width)[sample].numpy()
            places = np.argsort(-noise, kind="stable")[: config.num_patches]
            codes = []
            for features in (got, given):
                pixels = [features[sample, :, place // width, place % width] for place in places]
                with torch.no_grad():
                    vectors = [heads.heads[layer](pixel).numpy().astype(np.float64) for pixel in pixels]
                codes.append([vector / sqrt(vector @ vector) for vector in vectors])
            for at, query in enumerate(codes[0]):
                scores = [exp(query @ key / config.temperature) for key in codes[1]]
                total -= log(scores[at] / sum(scores)) / len(places)
    return total / len(image) / len(config.layers)


def test_the_generators_terms():
    method, batch = build(weight_nce=2.0, weight_identity=3.0), batch_at(4, 5)
    networks = own_networks(method)
    fakes = method.forward(networks, batch)
    terms = {name: term.item() for name, term in method.losses("generator", networks, batch, fakes).items()}
    with torch.no_grad():
        made, identity = networks["generator"](batch.a), networks["generator"](batch.b)
        gan = (networks["discriminator"](made) - 1).square().mean().item()
    nce = reference(method, batch, image=batch.a, made=made, stream="patches")
    nce_identity = reference(method, batch, image=batch.b, made=identity, stream="patches of identity")
    expected = {"gan": gan, "nce": 2 * nce, "nce_identity": 3 * nce_identity}
    assert terms == pytest.approx(expected, rel=1e-4)


def test_the_discriminators_terms_are_halved():
    networks = Networks({"generator": lambda x: x / 2, "discriminator": lambda y: y}, {})
    batch = Batch(a=torch.full((1, 1, 2, 2), 0.5), b=torch.full((1, 1, 2, 2), -0.5), index=torch.arange(1))
    losses = build().losses("discriminator", networks, batch, {"fake_b": batch.a / 2})
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(
        {"real": 0.5 * 1.5**2, "fake": 0.5 * 0.25**2}
    )


def test_a_sample_has_its_places_whatever_batch_it_is_in():
    method = build()
    features = torch.zeros(2, 1, 4, 5)
    both = method._places(batch_at(4, 5), features, "patches")
    alone = method._places(batch_at(5), features[:1], "patches")
    assert torch.equal(both[1:], alone)
    assert both[0].tolist() != both[1].tolist()
    assert [len(set(places)) for places in both.tolist()] == [8, 8]
    assert method._places(batch_at(4), torch.zeros(1, 1, 2, 2), "x").sort().values.tolist() == [[0, 1, 2, 3]]


def test_features_of_a_mirrored_input_are_compared_upright():
    """A generator that keeps every pixel: each patch of its output is that of its input, once turned back."""
    method, batch = build(flips=True, weight_identity=0.0, num_patches=256, layers=("image",)), batch_at(*range(8))

    def keep(image: Tensor, layers: tuple[str, ...] = ()) -> Tensor | tuple[Tensor, ...]:
        return (image,) if layers else image

    calls = {"generator": keep, "discriminator": lambda image: image, "heads": lambda *layers: layers}
    networks = Networks(calls, {name: nn.Identity() for name in calls})
    fake = method.forward(networks, batch)["fake_b"]
    upright = [torch.equal(made, given) for made, given in zip(fake, batch.a, strict=True)]
    mirrored = [torch.equal(made, given.flip(2)) for made, given in zip(fake, batch.a, strict=True)]
    assert {True, False} == set(upright)
    assert upright == [not is_mirrored for is_mirrored in mirrored]
    terms = method.losses("generator", networks, batch, {"fake_b": fake})
    straight = patch_nce(*(batch.a.flatten(2).transpose(1, 2) for _ in range(2)), temperature=0.07)
    assert terms["nce"].item() == pytest.approx(0.5 * straight.item(), rel=1e-4)
    assert set(terms) == {"gan", "nce"}


def test_players_train_alone():
    check_that_players_train_alone(build(), batch_at(1, 2))


def test_layers_that_the_generator_lacks_are_refused():
    check_section(SMALL, "method")
    with pytest.raises(ConfigError, match=r"method\.layers = .*'blocks\.2'.*name at least one.*blocks\.1\."):
        check_section(replace(SMALL, layers=("blocks.2",)), "method")
    with pytest.raises(ConfigError, match=r"method\.layers"):
        check_section(replace(SMALL, layers=()), "method")


def test_a_layer_of_one_place_is_refused():
    generator = GeneratorConfig(num_downs=4, dropout=0.0)
    method = replace(SMALL, generator=generator, layers=("encoder.2", "encoder.3"))
    method.check(DataConfig(load_size=32, crop_size=32))
    with pytest.raises(ConfigError, match=r"method\.layers = .*encoder\.3 has one place in crops of 16 x 16"):
        method.check(DataConfig(load_size=16, crop_size=16))


def test_its_generator_smooths_as_the_authors_do_and_one_of_a_former_run_does_not():
    """A former run.json says what its generator has, in full, and nothing of smoothing."""
    given = {"name": "cut", "generator": {"architecture": "resnet", "norm": "instance"}}
    former = parse_method(given)
    assert isinstance(former, CUTConfig)
    smoothing = [(made.downsampling, made.upsampling) for made in (CUTConfig().generator, former.generator)]
    assert smoothing == [("blurred", "bilinear"), ("strided", "transposed")]
