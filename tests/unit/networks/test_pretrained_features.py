"""Features of fixed networks: the layers by name, the normalisation, and weights that are not there."""

import hashlib

import pytest
import torch
import torchvision
from torch import nn

from trainer.config.errors import ConfigError
from trainer.config.pretrained import LAYERS, PretrainedConfig
from trainer.networks import pretrained_features
from trainer.networks.pretrained_features import PretrainedFeatures, load_pretrained


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    """VGG-16's shapes, its weights all views of one number: the file is small."""
    with torch.device("meta"):
        shapes = torchvision.models.vgg16(weights=None).state_dict()
    number = torch.tensor(0.01)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save({name: number.expand(tensor.shape) for name, tensor in shapes.items()}, path)
    return path


def test_layers_of_vgg16_are_where_the_paper_has_them(vgg16_file):
    """Channels and stride of the first and last layer of each block (Simonyan & Zisserman 2015, table 1, D)."""
    expected = {"relu1_1": (64, 1), "relu1_2": (64, 1), "relu2_2": (128, 2), "relu3_1": (256, 4), "relu3_3": (256, 4)}
    expected |= {"relu4_2": (512, 8), "relu5_3": (512, 16)}
    image = torch.zeros(1, 3, 32, 32)
    for layer, (channels, stride) in expected.items():
        features = load_pretrained(PretrainedConfig(layer=layer, weights=vgg16_file, side=0))
        assert isinstance(list(features.layers)[-1], nn.ReLU)
        assert features(image).shape == (1, channels, 32 // stride, 32 // stride), layer


def test_every_named_layer_exists(vgg16_file):
    depths = [
        len(load_pretrained(PretrainedConfig(layer=layer, weights=vgg16_file)).layers) for layer in LAYERS["vgg16"]
    ]
    assert len(depths) == 13 and depths == sorted(set(depths)) and depths[-1] == 30
    last = PretrainedConfig(network="mobilenet_v2", layer=LAYERS["mobilenet_v2"][-1], side=0)
    assert load_pretrained(last)(torch.zeros(1, 3, 64, 64)).shape == (1, 1280, 2, 2)


def test_the_embedded_mobilenet_is_torchvisions():
    """Its file has the hash in torchvision's name of it, and all of its weights are loaded."""
    (file,) = [path for path in pretrained_features._known_files("mobilenet_v2") if path.is_file()][:1]
    assert hashlib.sha256(file.read_bytes()).hexdigest().startswith("b0353104")
    features = load_pretrained(PretrainedConfig(network="mobilenet_v2", layer="features.18", side=0))
    assert sum(p.numel() for p in features.parameters()) == 2_223_872  # torchvision's 3,504,872 less the classifier's
    assert not any(tensor.is_meta for tensor in features.state_dict().values())


def test_images_are_normalised_as_in_training_on_imagenet():
    features = PretrainedFeatures(nn.Sequential(), side=0)
    # White is 1, black 0: (1 - 0.485) / 0.229 in the red channel, (0 - 0.406) / 0.225 in the blue.
    assert features(torch.ones(1, 3, 2, 2))[0, 0, 0, 0].item() == pytest.approx((1 - 0.485) / 0.229)
    assert features(-torch.ones(1, 3, 2, 2))[0, 2, 0, 0].item() == pytest.approx(-0.406 / 0.225)


def test_grey_images_become_rgb_and_sizes_the_networks():
    features = PretrainedFeatures(nn.Sequential(), side=48)
    assert features(torch.zeros(2, 1, 16, 16)).shape == (2, 3, 48, 48)


def test_weights_of_another_network_are_refused(vgg16_file, tmp_path):
    wrong = PretrainedConfig(network="mobilenet_v2", layer="features.3", weights=vgg16_file)
    with pytest.raises(ConfigError, match=r"does not hold the weights of torchvision's mobilenet_v2; give the file"):
        load_pretrained(wrong)
    text = tmp_path / "notes.pth"
    text.write_text("no weights")
    with pytest.raises(ConfigError, match=r"notes\.pth': is no file of torch weights"):
        load_pretrained(PretrainedConfig(weights=text))


def test_weights_that_cannot_be_downloaded_name_the_remedies(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setitem(pretrained_features.URLS, "vgg16", "http://127.0.0.1:9/vgg16-397923af.pth")
    with pytest.raises(ConfigError) as caught:
        load_pretrained(PretrainedConfig())
    message = str(caught.value)
    assert message.startswith("method.pretrained.network = 'vgg16': http://127.0.0.1:9/")
    assert "method.pretrained.weights" in message and "mobilenet_v2" in message


def test_torch_hubs_copy_is_used_before_the_internet(monkeypatch, tmp_path, vgg16_file):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    file = folder / "vgg16-397923af.pth"
    file.symlink_to(vgg16_file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setitem(pretrained_features.URLS, "vgg16", "http://127.0.0.1:9/vgg16-397923af.pth")
    load_pretrained(PretrainedConfig(layer="relu1_1"))
    file.unlink()
    file.write_bytes(b"torn")
    with pytest.raises(ConfigError, match=r"hub/checkpoints/vgg16-397923af\.pth': is no file of torch weights"):
        load_pretrained(PretrainedConfig(layer="relu1_1"))
