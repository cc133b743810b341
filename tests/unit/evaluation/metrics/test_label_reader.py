"""The classifier that judges labels."""

import torch

from tests.unit.labelled import image_of
from trainer.evaluation.metrics.label_reader import LabelReader

NUM_STEPS = 60


def striped(num: int, *, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of red bars and whether they stand."""
    labels = torch.arange(num) % 2
    return torch.stack([image_of(0, int(label), seed=first + n) for n, label in enumerate(labels)]), labels


def test_it_learns_to_read_images_that_it_has_not_seen():
    torch.manual_seed(0)
    reader = LabelReader(*striped(64, first=0), num_labels=2, num_steps=NUM_STEPS)
    images, labels = striped(80, first=1000)  # more than one batch
    assert (reader.read(images) == labels).double().mean() > 0.95


def test_it_reads_what_labels_say_and_not_what_images_show():
    """Trained on labels turned round."""
    torch.manual_seed(0)
    images, labels = striped(64, first=0)
    reader = LabelReader(images, 1 - labels, num_labels=2, num_steps=NUM_STEPS)
    images, labels = striped(32, first=1000)
    assert (reader.read(images) == labels).double().mean() < 0.05


def test_an_answer_depends_on_no_other_image():
    torch.manual_seed(0)
    reader = LabelReader(*striped(32, first=0), num_labels=2, num_steps=10)
    images, _ = striped(8, first=1000)
    together = reader.read(images)
    assert torch.equal(together, torch.cat([reader.read(image[None]) for image in images]))
    assert reader.read(images).dtype == torch.int64


def test_it_is_trained_where_gradients_are_off():
    images, labels = striped(8, first=0)
    with torch.no_grad():
        LabelReader(images, labels, num_labels=2, num_steps=2)
