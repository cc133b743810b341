"""What synchronised batch norm is on one rank; `tests/distributed/test_sync_norm.py` has two."""

import pytest
import torch
from torch import nn

from trainer.ranks.sync_norm import SyncBatchNorm, stop_synchronising, synchronise
from trainer.ranks.world import init_world


@pytest.fixture(autouse=True)
def one_rank():
    init_world("cpu")


def trained_norm() -> nn.BatchNorm2d:
    """With weights and statistics of its own, and an epsilon and a momentum that are not the defaults."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, eps=1e-3, momentum=0.3)
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(tensor)
    nn.init.uniform_(norm.running_var, 1, 2)
    return norm


def test_every_batch_norm_is_replaced_and_keeps_what_it_has():
    inner = trained_norm()
    network = nn.ModuleDict({"g": nn.Sequential(nn.Conv2d(1, 3, 1), nn.Sequential(inner)), "n": nn.BatchNorm1d(4)})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    synchronise(network)
    norms = [network["g"][1][0], network["n"]]
    assert all(isinstance(norm, SyncBatchNorm) for norm in norms)
    assert [(norm.eps, norm.momentum, norm.num_features) for norm in norms] == [(1e-3, 0.3, 3), (1e-5, 0.1, 4)]
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert isinstance(network["g"][0], nn.Conv2d)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (6, 3)])
def test_on_one_rank_it_is_torchs_own(training: bool, shape: tuple[int, ...]):
    plain = trained_norm()
    network = nn.Sequential(trained_norm())
    synchronise(network)
    network.train(training)
    images = torch.randn(shape)
    expected = nn.functional.batch_norm(
        images, plain.running_mean, plain.running_var, plain.weight, plain.bias, training, plain.momentum, plain.eps
    )
    assert torch.equal(network(images), expected)
    assert torch.equal(network[0].running_mean, plain.running_mean)


def test_a_copy_for_one_rank_asks_no_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    network = nn.Sequential(trained_norm())
    synchronise(network)
    monkeypatch.setattr("trainer.ranks.sync_norm.all_reduce", _refuse)
    images = torch.randn(2, 3, 4, 4)
    with pytest.raises(InterruptedError):
        network(images)
    network.eval()(images)
    stop_synchronising(network.train())
    network(images)


def _refuse(values: torch.Tensor) -> torch.Tensor:
    raise InterruptedError


def test_other_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got \(2, 3, 4\)"):
        SyncBatchNorm(3)(torch.zeros(2, 3, 4))
