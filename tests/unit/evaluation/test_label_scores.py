"""Scores of labels, of methods that show labels and methods that do not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sharding.format.manifest import Manifest
from sharding.format.manifest_file import read_manifest
from tests.tiny_run import subject_of
from tests.unit.labelled import Coder, DeafSampler, ForgetfulPainter, Painter, Sampler, config_of, without_networks
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.evaluation.label_scores import LabelScores
from trainer.methods.autoencoder.config import AutoencoderConfig
from trainer.methods.cgan.config import CGANConfig
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.runs.config import RunConfig


def make(config: RunConfig, manifest: Manifest | None = None) -> LabelScores | None:
    subject = subject_of(config) if manifest is None else replace(subject_of(config), manifest=manifest)
    return LabelScores.make(subject, seed=config.train.seed, split="test", device=torch.device("cpu"))


@pytest.fixture(scope="module")
def score(labelled_dataset: Path) -> Callable[[object], dict[str, float]]:
    """Readers are trained once for all methods."""
    scores = make(config_of(labelled_dataset, CGANConfig()))
    assert scores is not None
    return lambda method: scores(without_networks(method))


def test_samples_that_show_their_label_are_read(score):
    found = score(Sampler())
    assert found["eval/label_accuracy"] > 0.95
    assert found["eval/label_accuracy_real"] > 0.95
    assert found["eval/label_accuracy_chance"] == pytest.approx(1 / 3)
    assert len(found) == 3  # what else a sample shows was not asked for


def test_samples_of_any_label_are_read_rightly_by_chance(score):
    found = score(DeafSampler())
    assert found["eval/label_accuracy"] == pytest.approx(1 / 3, abs=0.2)
    assert found["eval/label_accuracy_real"] > 0.95


def test_relabelled_images_that_keep_the_rest(score):
    found = score(Painter())
    assert found["eval/label_accuracy"] > 0.95
    assert found["eval/kept_stripe"] > 0.95
    assert found["eval/kept_stripe_real"] > 0.95


def test_relabelled_images_that_lose_the_rest(score):
    found = score(ForgetfulPainter())
    assert found["eval/label_accuracy"] > 0.95
    assert found["eval/kept_stripe"] == pytest.approx(0.5, abs=0.05)  # half of the originals lie
    assert found["eval/kept_stripe_real"] > 0.95


def test_codes_move_along_attribute_vectors(score):
    """Codes are pixels: the mean of a colour less that of the others changes the colour."""
    assert score(Coder())["eval/label_accuracy"] > 0.8


def test_the_same_call_finds_the_same_and_leaves_the_random_state_alone(score):
    state = torch.random.get_rng_state()
    first = score(DeafSampler())
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(5)
    assert score(DeafSampler()) == first


def test_methods_without_labels_have_no_such_scores(labelled_dataset: Path, score):
    assert score(object()) == {}
    assert make(config_of(labelled_dataset, AutoencoderConfig(), label=None)) is None


def test_views_b_of_unpaired_images_have_no_known_label(labelled_dataset: Path):
    method = CycleGANConfig(generator=GeneratorConfig(num_downs=4), discriminator=PatchGANConfig(num_layers=1))
    config, manifest = config_of(labelled_dataset, method, view_a="other"), read_manifest(labelled_dataset)
    assert make(config, manifest) is not None
    assert make(config, replace(manifest, kind="unpaired")) is None
