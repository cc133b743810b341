"""Networks of all players are exported whole, whatever ZeRO stage wrote them."""

from pathlib import Path

import pytest
import torch

from tests.unit.checkpoints.test_begin import config_of, method_of, save, weights_of
from trainer.checkpoints.layout import EMA_FILE
from trainer.config.errors import ConfigError
from trainer.inference.export import export_networks, read_networks
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.presets import DEFAULT
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir


@pytest.mark.parametrize("zero_stage", [0, 1, 2, pytest.param(3, marks=pytest.mark.soak)])
@pytest.mark.parametrize("config", [Pix2PixConfig(), CoGANConfig()], ids=["pix2pix", "cogan"])
def test_exported_weights_are_those_that_were_saved(zero_stage: int, config, tiny_dataset: Path, tmp_path: Path):
    """CoGAN's networks share layers: each file has all that its network needs."""
    run = RunDir(tmp_path / "run")
    run.create(config_of(Pix2PixConfig(), dataset=tiny_dataset), preset=DEFAULT, command=[])
    method = method_of(config)
    expected = {name: tensor.clone() for name, tensor in weights_of(method).items()}
    folder = save(run.checkpoints, method, zero_stage=zero_stage)
    exported = export_networks(open_run(run), folder, out=tmp_path / "out", kind="torch", averaged=False)
    found = {
        f"{each.name}.{key}": tensor
        for each in exported
        for key, tensor in torch.load(each.path, weights_only=True).items()
    }
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    with pytest.raises(ConfigError, match="is one file, and there are"):
        export_networks(open_run(run), folder, out=tmp_path / "x.pt", kind="torch", averaged=False)


def test_damage_is_told(tmp_path: Path):
    folder = save(tmp_path, method_of(Pix2PixConfig()))
    content = bytearray((folder / EMA_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / EMA_FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=r"ema\.pt has changed since it was written"):
        read_networks(folder, averaged=True)
    assert "discriminator" in read_networks(folder, averaged=False)
