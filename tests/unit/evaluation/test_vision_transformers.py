"""DINOv2 and CLIP by a file: features are those of timm's own network, and another network's file is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.scores.light_weights import light_weights
from tests.unit.evaluation.test_encoder_files import opened, picture, refused
from trainer.config.encoders import FILES, OF_TIMM, STAGED, EncoderName
from trainer.evaluation.encoders import weights_file

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OF_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
NORMAL = {"dinov2_vits14": IMAGENET, "clip_vitb32": OF_CLIP}


def bare(name: EncoderName, **kwargs: Any) -> Any:
    """timm's network without weights."""
    import timm  # which takes a second

    with torch.device("meta"):
        return timm.create_model(OF_TIMM[name], pretrained=False, **kwargs)


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "features"), [pytest.param("dinov2_vits14", 384, marks=pytest.mark.soak), ("clip_vitb32", 512)]
)
def test_features_are_those_of_timms_network(tmp_path: Path, name: EncoderName, features: int) -> None:
    import timm
    from safetensors.torch import save_file

    weights = {key: value.contiguous() for key, value in light_weights(bare(name)).items()}
    save_file(weights, tmp_path / "model.safetensors")
    encoder, image = opened(name, tmp_path / "model.safetensors"), picture(224)
    again = timm.create_model(OF_TIMM[name], pretrained=False, dynamic_img_size=True).eval()
    again.load_state_dict(weights)
    mean, std = (torch.tensor(values)[:, None, None] for values in NORMAL[name])
    expected = again(((image + 1) / 2 - mean) / std)
    found = encoder.pooled(image)
    assert found.shape == (1, features)
    assert found.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert name not in STAGED
    assert encoder.network.encode(torch.zeros(1, 3, 224, 224))[0] == []
    other: EncoderName = "clip_vitb32" if name != "clip_vitb32" else "dinov2_vits14"
    refused(other, tmp_path / "model.safetensors", match=f"another network: .* reads {FILES[other]}")
    torch.save(weights | {"mask_token": torch.zeros(1, 384)}, tmp_path / "authors.pth")
    opened(name, tmp_path / "authors.pth").open()


@pytest.mark.slow
def test_the_large_network_has_1024_features() -> None:
    network = bare("dinov2_vitl14", dynamic_img_size=True)
    assert network(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 1024)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_file, "find_spec", lambda package: None)
    (tmp_path / "model.safetensors").write_bytes(b"")
    refused("dinov2_vits14", tmp_path / "model.safetensors", match=r"needs the package timm: pip install")
    refused("vgg16", tmp_path / "model.safetensors", match=r"needs the package safetensors: pip install")
