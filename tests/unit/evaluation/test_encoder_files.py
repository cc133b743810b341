"""Encoders whose weights come from a file: features are the library's, and a file that does not fit is told as such."""

import hashlib
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchvision.models.inception import InceptionA, InceptionE

from launch.commands import evaluate as evaluate_command
from tests.scores.light_weights import bare, write_weights
from trainer.config.encoders import EncoderName
from trainer.config.errors import ConfigError
from trainer.config.evaluate import EvaluateConfig
from trainer.evaluation.encoders.encoder import Encoder
from trainer.evaluation.encoders.load import open_encoder
from trainer.evaluation.encoders.torchvision_networks import InceptionOfFid, repool
from trainer.evaluation.encoders.weights_file import WeightsFile
from trainer.evaluation.set_distances import frechet_distance
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")
FEW = 64
"""Features that are compared: torchmetrics takes a minute for 4096."""
MEAN, STD = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def opened(name: EncoderName, path: Path) -> Encoder:
    encoder = open_encoder(name, device=CPU, weights=path, field="encoder_weights")
    assert encoder is not None
    return encoder


def picture(side: int, number: int = 0) -> Tensor:
    """(1, 3, side, side) in [-1, 1], of 8 bits."""
    generator = torch.Generator().manual_seed(number)
    return torch.randint(0, 256, (1, 3, side, side), generator=generator).float() / 127.5 - 1


@torch.no_grad()
def test_alexnet_has_the_features_of_torchvisions(tmp_path: Path):
    path = write_weights(tmp_path, "alexnet")
    encoder, image = opened("alexnet", path), picture(224)
    network = bare("alexnet")
    network.load_state_dict(torch.load(path, weights_only=True), assign=True)
    normal = ((image + 1) / 2 - MEAN) / STD
    expected = network.eval().features(normal)
    pooled = network.classifier[:-1](network.avgpool(expected).flatten(1))
    assert pooled.std() > 0.01
    torch.testing.assert_close(encoder.pooled(image), pooled, rtol=1e-4, atol=1e-4)
    last = F.max_pool2d(encoder.stages(image)[-1], 3, 2)
    torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-4)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in encoder.note


@pytest.mark.slow
@torch.no_grad()
def test_inception_has_the_features_of_torchvisions_but_for_pooling(tmp_path: Path):
    path, seen = write_weights(tmp_path, "inception"), cast("list[Tensor]", [])
    levels = (picture(75) + 1) * 127.5
    network = bare("inception")
    network.load_state_dict(torch.load(path, weights_only=True), assign=True)
    network.eval().avgpool.register_forward_hook(lambda _, given, found: seen.append(found.flatten(1)))
    found: Any = opened("inception", path).network
    for module in found.network.modules():
        module._forward_pre_hooks.clear()
    network((levels - 128) / 128)
    assert seen[0].std() > 0.01
    maps, pooled = found.encode(levels)
    assert not maps
    torch.testing.assert_close(pooled, seen[0], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_blocks_pool_as_tensorflow_does():
    """Means leave out the border's zeros; the largest is of the input itself."""
    image = torch.rand(2, 8, 5, 5)
    block, last = InceptionA(8, 4).eval(), InceptionE(8).eval()
    ones = F.conv2d(torch.ones(1, 1, 5, 5), torch.ones(1, 1, 3, 3), padding=1)
    means = F.conv2d(image, torch.ones(8, 1, 3, 3), padding=1, groups=8) / ones
    expected = [torch.cat([*block._forward(image)[:-1], block.branch_pool(means)], 1)]
    expected += [torch.cat([*last._forward(image)[:-1], last.branch_pool(F.max_pool2d(image, 3, 1, 1))], 1)]
    averages, largest = InceptionOfFid.pools
    repool(block, averages)
    repool(last, largest)
    torch.testing.assert_close([block(image), last(image)], expected)


@torch.no_grad()
def test_the_distance_is_torchmetrics_own(tmp_path: Path):
    """Of the same features, by the package that published results are computed with."""
    encoder = opened("alexnet", write_weights(tmp_path, "alexnet"))
    sets = [torch.cat([picture(16, number) * scale for number in range(6)]) for scale in (1, 0.5)]

    class Features(torch.nn.Module):
        num_features = FEW

        def forward(self, images: Tensor) -> Tensor:
            return encoder.pooled(images.float() / 127.5 - 1)[:, :FEW]

    fid = FrechetInceptionDistance(feature=Features(), input_img_size=(3, 16, 16))
    for images, real in zip(sets, (True, False), strict=True):
        fid.update(((images + 1) * 127.5).round().to(torch.uint8), real=real)
    features = [encoder.pooled(images)[:, :FEW].double() for images in sets]
    assert frechet_distance(*features) == pytest.approx(fid.compute().item(), rel=1e-3)


def refused(name: EncoderName, path: Path, *, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        opened(name, path).open()


def test_a_file_that_does_not_fit_is_told_before_any_image(tmp_path: Path):
    path = write_weights(tmp_path, "alexnet")
    refused("vgg16", path, match=r"^encoder_weights = .*alexnet\.pth.*another network: .*torchvision's vgg16")
    refused("alexnet", tmp_path / "none.pth", match=r"cannot be read \(No such file")
    (tmp_path / "text.pth").write_text("no weights")
    refused("alexnet", tmp_path / "text.pth", match=r"is no file of plain weights")
    torch.save([1], tmp_path / "list.pth")
    refused("alexnet", tmp_path / "list.pth", match=r"holds no weights by their names")


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (eval, ("open('evil', 'w')",))


def test_no_code_of_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"features.0.weight": Evil()}, "evil.pth")
    refused("alexnet", Path("evil.pth"), match="is no file of plain weights")
    assert not Path("evil").exists()


def test_another_file_than_the_run_began_with_is_refused(tmp_path: Path):
    encoder = opened("alexnet", write_weights(tmp_path, "alexnet"))
    with pytest.raises(ConfigError, match=r"not the file that the run began with: its SHA-256 is .*, and was 00"):
        encoder.open(expected="0" * 64)


def test_batch_counts_need_not_be_stored(tmp_path: Path):
    weights = nn.BatchNorm2d(2).state_dict()
    del weights["num_batches_tracked"]
    torch.save(weights, tmp_path / "old.pth")
    network = nn.BatchNorm2d(2, device="meta")
    WeightsFile(tmp_path / "old.pth", field="encoder_weights").fill(network, "inception")
    assert torch.equal(network.eval()(torch.ones(1, 2, 1, 1)), torch.ones(1, 2, 1, 1) / (1 + 1e-5) ** 0.5)


def test_an_encoder_and_its_file_go_together():
    with pytest.raises(ConfigError, match=r"^encoder_weights = None: encoder = 'vgg16' needs its weights"):
        EvaluateConfig(encoder="vgg16").check_fields()
    with pytest.raises(ConfigError, match=r"^encoder_weights = 'x': is for encoder = inception"):
        EvaluateConfig(encoder_weights=Path("x")).check_fields()
    began = EvaluateConfig(encoder="vgg16", encoder_weights=Path("x"))
    assert began.asked_for(None, None) == began
    assert began.asked_for(None, Path("y")).encoder_weights == Path("y")
    assert began.asked_for("mobilenet_v2", None) == EvaluateConfig(encoder="mobilenet_v2")


@pytest.mark.slow
def test_a_run_is_scored_by_a_file_and_its_checksum_is_kept(tiny_run: RunDir, tmp_path: Path):
    path = write_weights(tmp_path, "alexnet")
    asked = ["--device", "cpu", "--encoder", "alexnet", "--encoder-weights", str(path)]
    assert evaluate_command.main([str(tiny_run.path), *asked]) == 0
    found = tiny_run.evaluations()["test"]
    assert found["scores"]["eval/stage_distance/alexnet"] > 0
    assert hashlib.sha256(path.read_bytes()).hexdigest() in found["notes"]["alexnet"]
    with pytest.raises(ConfigError, match=r"^encoder_weights = .*no such file"):
        evaluate_command.main([str(tiny_run.path), *asked[:-1], str(tmp_path / "none.pth")])
