"""A segmentation network learns from real photos, and can be put down and taken up."""

from dataclasses import replace

import pytest
import torch

from launch.commands import fcn as command
from tests.unit.evaluation.judges.conftest import OPTIONS
from trainer.config.errors import ConfigError
from trainer.evaluation.judges.fcn_data import open_scenes
from trainer.evaluation.judges.fcn_file import read_fcn
from trainer.evaluation.judges.fcn_networks import begin_with, build_fcn
from trainer.evaluation.judges.fcn_training import score_real, train_fcn
from trainer.ranks.world import lone_world

WORLD = lone_world(torch.device("cpu"))
FEW = replace(OPTIONS, total_kimg=0.032)


def silent(done: int, total: int) -> None:
    """Nobody is told."""


def test_it_reads_real_photos_and_says_so_in_its_file(scenes, fcn_file):
    fcn = read_fcn(fcn_file)
    assert list(fcn.info.scores) == ["val", "test"]
    assert fcn.info.scores["val"]["pixel_accuracy"] > 0.9
    assert fcn.info.size == (32, 32)
    assert fcn.info.num_images == 160
    assert score_real(fcn.network, scenes, "val", world=WORLD) == fcn.info.scores["val"]


def test_numbers_and_flat_colours_are_the_same_labels(scenes, scenes_folder, fcn_file):
    colors = open_scenes(scenes_folder, photo="photo", labels="colors", size=None)
    assert score_real(read_fcn(fcn_file).network, colors, "test", world=WORLD) == read_fcn(fcn_file).info.scores["test"]


def test_stopped_and_continued_it_is_the_same_network(scenes, tmp_path):
    whole, stopped = tmp_path / "whole.fcn", tmp_path / "stopped.fcn"
    train_fcn(scenes, FEW, out=whole, world=WORLD, tell=silent)
    seen: list[int] = []
    heard = {"tell": lambda done, total: seen.append(done), "is_stopped": lambda: len(seen) == 2}
    assert train_fcn(scenes, FEW, out=stopped, world=WORLD, **heard) is None
    assert not stopped.exists()
    assert train_fcn(scenes, FEW, out=stopped, world=WORLD, **heard) is not None
    assert seen == [8, 16, 24, 32]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["stopped.fcn", "whole.fcn"]
    weights = read_fcn(whole).network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in read_fcn(stopped).network.state_dict().items())


def test_another_training_does_not_go_on_with_what_was_put_down(scenes, tmp_path):
    out = tmp_path / "net.fcn"
    assert train_fcn(scenes, FEW, out=out, world=WORLD, tell=silent, is_stopped=lambda: True) is None
    with pytest.raises(ConfigError, match=r"net\.fcn\.part.*other options or data"):
        train_fcn(scenes, replace(FEW, seed=1), out=out, world=WORLD, tell=silent)


def test_initial_weights_are_of_the_encoder_whatever_classes_it_knew(tmp_path):
    given, network = build_fcn("small", 7), build_fcn("small", 3)
    torch.save(given.state_dict(), tmp_path / "seven.pt")
    begin_with(network, tmp_path / "seven.pt")
    name = "blocks.3.0.weight"
    assert torch.equal(network.state_dict()[name], given.state_dict()[name])
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match="lacks 'blocks"):
        begin_with(network, tmp_path / "other.pt")


@pytest.mark.slow
def test_torchvisions_weights_begin_its_fcn(tmp_path):
    from torchvision.models import resnet50

    backbone, network = resnet50(weights=None), build_fcn("fcn_resnet50", 3)
    torch.save(backbone.state_dict(), tmp_path / "resnet50.pt")
    begin_with(network, tmp_path / "resnet50.pt")
    own = network.state_dict()["network.backbone.layer4.2.conv3.weight"]
    assert torch.equal(own, backbone.state_dict()["layer4.2.conv3.weight"])
    assert network.eval()(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64, 96)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--view-labels", "photo"], "view_labels.*shows classes; there are: numbers, colors"),
        ([], "view_labels.*there are: numbers, colors"),
        (["--view-labels", "numbers", "--view-photo", "colors"], "view_photo.*there are: photo"),
    ],
)
def test_mistakes_are_answered_before_training(scenes_folder, tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        command.main(["train", str(scenes_folder), "--out", str(tmp_path / "net.fcn"), *arguments])


def test_the_command_trains_shows_and_does_not_overwrite(scenes_folder, tmp_path, capsys):
    out = tmp_path / "net.fcn"
    few = ["--view-labels", "colors", "--total-kimg", "0.016", "--batch-size", "8", "--device", "cpu"]
    arguments = ["train", str(scenes_folder), "--out", str(out), *few]
    assert command.main(arguments) == 0
    assert command.main(["show", str(out)]) == 0
    assert capsys.readouterr().out.count("class IoU, absent = 0") >= 1
    with pytest.raises(ConfigError, match="is there"):
        command.main(arguments)


def test_what_is_no_network_is_refused(tmp_path):
    (tmp_path / "text.fcn").write_text("no weights")
    for name, message in (("text.fcn", "holds no segmentation network"), ("none.fcn", "No such file")):
        with pytest.raises(ConfigError, match=message):
            read_fcn(tmp_path / name)
