"""`diptych export`: what it writes, sends and refuses."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from launch.cli import main
from tests.tiny_run import POSITION, SIDE
from tests.unit.exports.hub_server import hub_server
from tests.unit.labelled import config_of, write_run
from trainer.exports.plain import load_plain
from trainer.inference.export import read_networks
from trainer.methods.caae.config import CAAEConfig
from trainer.runs.formats import EVALUATION
from trainer.runs.opened import open_run
from trainer.runs.rundir import RunDir

SCORES = {"eval/psnr": 21.5, "baseline/mean/psnr": 12.0, "baseline/identity/psnr": 9.0, "eval/iou/sea": 0.5}


def export(run: RunDir, out: Path, *arguments: str, kind: str = "hub") -> int:
    return main(["export", str(run.path), "--format", kind, "--out", str(out), *arguments])


@pytest.fixture
def scored(tiny_run: RunDir) -> RunDir:
    entry = {"position": 1200, "num_images": 3, "scores": SCORES}
    EVALUATION.write(tiny_run.evaluation_file, {"splits": {"test": entry}})
    return tiny_run


def test_a_folder_for_the_hub_holds_weights_configuration_and_card(scored: RunDir, tmp_path: Path):
    from huggingface_hub import ModelCard
    from safetensors.torch import load_file

    assert export(scored, tmp_path / "out", "--license", "cc-by-4.0") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    (checkpoint,) = scored.checkpoints.iterdir()
    expected = read_networks(checkpoint, averaged=True)["generator"]
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert found.keys() == {f"generator.{name}" for name in expected}
    assert all(torch.equal(found[f"generator.{name}"], tensor) for name, tensor in expected.items())
    text = (tmp_path / "out" / "config.json").read_text()
    record = json.loads(text)
    assert (record["position"], record["method"]["name"], record["data"]["view_a"]) == (1200, "pix2pix", "photo")
    assert str(scored.config().data.path) not in text  # a path of this machine
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert (card.data.license, card.data.pipeline_tag, card.data.library_name) == (
        "cc-by-4.0",
        "image-to-image",
        "diptych",
    )
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("psnr", 21.5, "test")
    assert "| PSNR | 21.50 dB | - | 9.00 dB | 12.00 dB |" in card.text
    assert "arXiv:1611.07004" in card.text


def test_a_folder_of_the_hub_becomes_a_run_again(tiny_run: RunDir, tmp_path: Path, capsys):
    assert export(tiny_run, tmp_path / "out") == 0
    assert main(["import-hub", str(tmp_path / "out"), "--out", str(tmp_path / "again")]) == 0
    plain, again = (
        load_plain(open_run(RunDir(path), needs_data=False)) for path in (tiny_run.path, tmp_path / "again")
    )
    assert again[1] == plain[1] == POSITION
    given = plain[0].example(batch=1, height=32, width=32)
    assert torch.equal(again[0](*given), plain[0](*given))
    capsys.readouterr()
    weights = tmp_path / "out" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert main(["import-hub", str(tmp_path / "out"), "--out", str(tmp_path / "third")]) == 2
    assert "fetch it again" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "out" / "config.json").write_text('{"library_name": "diptych", "format": 9}')
    assert main(["import-hub", str(tmp_path / "out"), "--out", str(tmp_path / "third")]) == 2
    assert "has format 9" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


def test_a_folder_is_sent_with_the_token_of_the_environment(tiny_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with hub_server() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert export(tiny_run, tmp_path / "out", "--push", "ada/maps", "--private") == 0
        assert hub.tokens == {"Bearer hf_secret"}
        assert [(made["name"], made["organization"], made["visibility"]) for made in hub.made] == [
            ("maps", "ada", "private")
        ]
        written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        assert hub.files == written
        assert f"sent to {hub.address}/ada/maps" in capsys.readouterr().out
        hub.refuses = True
        assert export(tiny_run, tmp_path / "again", "--push", "ada/maps") == 1
    said = capsys.readouterr().err
    assert "was not sent" in said
    assert "hf_secret" not in said
    assert len(list((tmp_path / "again").iterdir())) == 3


def test_mistakes_are_answered_before_any_work(tiny_run, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert export(tiny_run, tmp_path / "out", "--push", "ada/maps") == 2
    assert "set the variable HF_TOKEN" in capsys.readouterr().err
    assert export(tiny_run, tmp_path / "out", "--push", "ada/maps", kind="onnx") == 2
    assert "use --format hub" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    assert export(tiny_run, tmp_path / "full") == 2
    assert "is no empty folder" in capsys.readouterr().err
    assert export(tiny_run, tmp_path / "out", "--direction", "b2a") == 2
    assert "translates from a to b only" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert export(tiny_run, tmp_path / "out", kind="onnx") == 2
    assert "pip install 'diptych[onnx]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def run_the_cards_code(folder: Path, monkeypatch: pytest.MonkeyPatch, picture: np.ndarray) -> np.ndarray:
    """As whoever finds the folder would, who has no Diptych."""
    Image.fromarray(picture).save(folder / "picture.png")
    code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    exec(code, {})
    return np.asarray(Image.open(folder / "translation.png"))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), [("onnx", "model.onnx"), ("torch", "model.pt2")])
def test_a_graph_translates_as_the_run_does(kind, name, tiny_run, tmp_path, monkeypatch):
    assert export(tiny_run, tmp_path / "out", kind=kind) == 0
    card = (tmp_path / "out" / "README.md").read_text()
    facts = yaml.safe_load(card.split("---")[1])
    assert facts["tags"] == ["diptych", "image-to-image", "pix2pix"]
    assert "batches of 1 and 4, height x width 32x32, 32x64" in card
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(tmp_path / "in" / "x.png")
    found = run_the_cards_code(tmp_path / "out", monkeypatch, picture)
    command = ["translate", str(tiny_run.path), "--in", str(tmp_path / "in"), "--out", str(tmp_path / "translated")]
    assert main([*command, "--dropout", "off"]) == 0
    expected = np.asarray(Image.open(tmp_path / "translated" / "x.png"))
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    assert (tmp_path / "out" / name).stat().st_size > 100_000


@pytest.mark.slow
def test_onnx_takes_a_label(labelled_dataset: Path, tmp_path: Path):
    from onnxruntime import InferenceSession

    run = write_run(RunDir(tmp_path / "run"), config_of(labelled_dataset, CAAEConfig(num_filters=4)))
    assert export(run, tmp_path / "out", kind="onnx") == 0
    session = InferenceSession(str(tmp_path / "out" / "model.onnx"))
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["labels"], facts["method"]) == ("red, green, blue", "caae")
    image = np.zeros((2, 3, 16, 16), np.float32)
    one, other = session.run(None, {"image": image, "label": np.array([0, 1])})[0]
    assert np.abs(one - other).max() > 1
