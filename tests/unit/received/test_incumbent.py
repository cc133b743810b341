"""Generators of pytorch-CycleGAN-and-pix2pix give here what they gave there."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from launch.cli import main
from tests.strange import Touches
from tests.unit.received.layouts import stir, their_resnet, their_unet
from trainer.checkpoints.source import find_origin
from trainer.config.errors import ConfigError
from trainer.inference.translator import load_translator
from trainer.networks.generator import build_generator
from trainer.received.incumbent import read_generator
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
MADE = {
    "unet_128": lambda norm: their_unet(num_downs=7, width=2, norm=norm),
    "small unet": lambda norm: their_unet(num_downs=3, width=4, norm=norm, channels=(1, 3)),
    "resnet_6blocks": lambda norm: their_resnet(num_blocks=6, width=4, norm=norm),
    "resnet with dropout": lambda norm: their_resnet(num_blocks=1, width=4, norm=norm, has_dropout=True),
}


def save(network: torch.nn.Module, path: Path) -> Path:
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("name", MADE)
def test_outputs_are_equal(name: str, norm: str, tmp_path: Path):
    network = stir(MADE[name](norm))
    found = read_generator(save(network, tmp_path / "latest_net_G.pth"), dropout=False)
    assert found.config.norm == norm
    assert found.config.dropout == (0.5 if "dropout" in name else 0)
    ours = build_generator(found.config, in_channels=found.in_channels, out_channels=found.out_channels).eval()
    ours.load_state_dict(found.weights)
    side = 2**7 if name == "unet_128" else 32
    image = torch.rand(2, found.in_channels, 2 * side, side) * 2 - 1
    with torch.no_grad():
        expected = network(image)
        assert expected.std() > 0.05
        assert (ours(image) - expected).abs().max() < 1e-4


def test_files_of_several_gpus_and_of_older_versions_are_read(tmp_path: Path):
    """The former have `module.` in front; the latter statistics at instance norms, which were never used."""
    network = stir(their_resnet(num_blocks=1, width=2, norm="instance"))
    plain = read_generator(save(network, tmp_path / "a.pth"), dropout=False)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    state |= {"module.model.2.running_mean": torch.ones(2), "module.model.2.num_batches_tracked": torch.tensor(3)}
    torch.save(state, tmp_path / "b.pth")
    other = read_generator(tmp_path / "b.pth", dropout=False)
    assert other.config == plain.config
    assert all(torch.equal(other.weights[name], value) for name, value in plain.weights.items())


def test_a_file_becomes_a_run_that_translates(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    network = stir(their_unet(num_downs=5, width=2, norm="instance"))
    file, run = save(network, tmp_path / "latest_net_G.pth"), tmp_path / "run"
    command = ["import-incumbent", str(file), "--out", str(run), "--dropout", "off", "--size", "64"]
    assert main(command) == 0
    assert f"{run}: a run of pix2pix, unet of 5 levels, 2 filters, norm instance" in capsys.readouterr().out
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "x.png")
    assert main(["translate", str(run), "--in", str(tmp_path / "x.png"), "--out", str(tmp_path / "out")]) == 0
    image = torch.from_numpy(picture).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        expected = ((network(image)[0] + 1) * 127.5).round().clamp(0, 255).permute(1, 2, 0).numpy()
    found = np.asarray(Image.open(tmp_path / "out" / "x.png")).astype(float)
    assert np.abs(found - expected).max() <= 1
    assert find_origin(run).position == 0  # of `diptych train --from`
    assert main(command) == 2
    assert "is no empty folder" in capsys.readouterr().err


def test_two_files_become_a_run_of_cyclegan(tmp_path: Path):
    forth, back = (stir(their_resnet(num_blocks=number, width=2, norm="instance")) for number in (1, 1))
    with torch.no_grad():
        back.model[1].weight.mul_(2)
    files = [save(forth, tmp_path / "G_A.pth"), save(back, tmp_path / "G_B.pth")]
    arguments = ["--out", str(tmp_path / "run"), "--size", "64"]
    assert main(["import-incumbent", str(files[0]), "--back", str(files[1]), *arguments]) == 0
    translator, _ = load_translator(open_run(RunDir(tmp_path / "run"), needs_data=False), device=CPU)
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        assert (translator.translate(image) - forth(image)).abs().max() < 1e-4
        assert (translator.translate_back(image) - back(image)).abs().max() < 1e-4


def test_what_is_no_such_generator_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    state = their_resnet(num_blocks=1, width=2, norm="instance").state_dict()
    for wrong, said in (
        ({"model.0.weight": torch.ones(1)}, "holds no generator that is known"),
        ({**state, "model.30.weight": torch.ones(1)}, r"other layers than the known ones: model\.30\.weight"),
        ({**state, "model.4.weight": torch.ones(4, 2, 5, 5)}, r"other layers than the known ones: encoder\.3\.weight"),
        ([torch.ones(1)], "holds no tensors by name"),
    ):
        torch.save(wrong, tmp_path / "wrong.pth")
        with pytest.raises(ConfigError, match=said):
            read_generator(tmp_path / "wrong.pth", dropout=False)
    torch.save({**state, "strange": Touches(tmp_path / "marker")}, tmp_path / "hostile.pth")
    assert main(["import-incumbent", str(tmp_path / "hostile.pth"), "--out", str(tmp_path / "run")]) == 2
    assert "was not read, because reading it could run code" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "marker").exists()
    assert not (tmp_path / "run").exists()
