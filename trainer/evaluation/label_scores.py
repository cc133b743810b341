"""Whether images that were made to have a label show it: read by classifiers trained on real images."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from trainer.data.batch import Batch
from trainer.data.randomness import seeded
from trainer.data.split import split_images
from trainer.data.subject import Subject
from trainer.evaluation.metrics.label_reader import LabelReader
from trainer.inference.attributes import AttributeVectors
from trainer.inference.translator import Translator
from trainer.methods.base import Encodes, Relabels, Samples
from trainer.ranks.world import lone_world

MOST_TRAINING_IMAGES = 8192
MOST_IMAGES = 96
"""Of the split, each shown with every label."""
SAMPLES_PER_LABEL = 16
_AT_ONCE = 64


class LabelScores:
    """Scores of the label `data.label` by key.

    `eval/label_accuracy`: of generated images, the share in which a reader trained on real images finds the label that
    they were made for: samples of each label; or images of the split, shown with each label in turn. Beside it
    `eval/label_accuracy_real`, of the split's real images, and `eval/label_accuracy_chance`, 1 / number of labels.
    `eval/kept_<name>`: of relabelled images, the share in which another label of the data set is still read as it was
    in the original: a face's gender when its age is changed. Beside it `eval/kept_<name>_real`, the share of originals
    in which the reader finds it at all. Every rank computes the same.
    """

    def __init__(self, subject: Subject, *, seed: int, split: str, device: torch.device) -> None:
        assert subject.data.label is not None
        self.subject = subject
        self.seed = seed
        self.split = split
        self.world = lone_world(device)
        self.label = subject.data.label
        self._readers: dict[str, LabelReader] = {}

    @classmethod
    def make(cls, subject: Subject, *, seed: int, split: str, device: torch.device) -> "LabelScores | None":
        """Make the scores; None where the run uses no label, or views b have none.

        The labels of unpaired images are those of views a.
        """
        if subject.data.label is None or not subject.knows_truth:
            return None
        return cls(subject, seed=seed, split=split, device=device)

    def __call__(self, translator: Translator) -> dict[str, float]:
        """Scores by key; empty where the method neither samples by label nor changes labels."""
        method = translator.method
        with seeded(self.seed, "labels", device=self.world.device):
            if isinstance(method, Samples) and self.subject.method.needs_label:
                return self._sampled(translator)
            if isinstance(method, Relabels | Encodes):
                return self._relabelled(translator)
        return {}

    def _sampled(self, translator: Translator) -> dict[str, float]:
        labels = torch.arange(self._num_labels(self.label), device=self.world.device).repeat(SAMPLES_PER_LABEL)
        images = torch.cat([translator.sample(len(part), part) for part in labels.split(_AT_ONCE)])
        return self._accuracies(images, labels)

    def _relabelled(self, translator: Translator) -> dict[str, float]:
        """Each image with every label, its own included."""
        attributes = None if isinstance(translator.method, Relabels) else AttributeVectors(translator, self._batches)
        originals, _ = self._real(self.label, self.split, most=MOST_IMAGES)
        names = self.subject.method.further_labels.values()
        kept = {name: self._real(name, self.split, most=MOST_IMAGES)[1] for name in names}
        made, wanted = [], []
        for value in range(self._num_labels(self.label)):
            labels = torch.full((len(originals),), value, device=self.world.device)
            for start in range(0, len(originals), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                own = {name: truth[part] for name, truth in kept.items()}
                image, label = originals[part], labels[part]
                made.append(
                    translator.relabel(image, label, own) if attributes is None else attributes.add(image, label)
                )
            wanted.append(labels)
        images = torch.cat(made)
        scores = self._accuracies(images, torch.cat(wanted))
        for name in self.subject.manifest.labels:
            if name != self.label:
                scores |= self._kept(name, images, originals)
        return scores

    def _kept(self, name: str, images: Tensor, originals: Tensor) -> dict[str, float]:
        """Args: images: as often all originals as there are values of the label that was changed."""
        _, truth = self._real(name, self.split, most=MOST_IMAGES)
        reader = self._reader(name)
        return {
            f"eval/kept_{name}": _share(reader.read(images) == truth.repeat(len(images) // len(originals))),
            f"eval/kept_{name}_real": _share(reader.read(originals) == truth),
        }

    def _accuracies(self, images: Tensor, labels: Tensor) -> dict[str, float]:
        reader = self._reader(self.label)
        real, truth = self._real(self.label, self.split, most=MOST_TRAINING_IMAGES)
        return {
            "eval/label_accuracy": _share(reader.read(images) == labels),
            "eval/label_accuracy_real": _share(reader.read(real) == truth),
            "eval/label_accuracy_chance": 1 / self._num_labels(self.label),
        }

    def _num_labels(self, name: str) -> int:
        return len(self.subject.manifest.labels[name].names)

    def _reader(self, name: str) -> LabelReader:
        """Trained once, and the same for every method."""
        if name not in self._readers:
            images, labels = self._real(name, "train", most=MOST_TRAINING_IMAGES)
            with seeded(self.seed, "reader", name, device=self.world.device):
                self._readers[name] = LabelReader(images, labels, num_labels=self._num_labels(name))
        return self._readers[name]

    def _real(self, name: str, split: str, *, most: int) -> tuple[Tensor, Tensor]:
        batches = list(islice(self._batches(split, name), -(-most // _AT_ONCE)))
        labels = [batch.label for batch in batches if batch.label is not None]
        return torch.cat([batch.b for batch in batches])[:most], torch.cat(labels)[:most]

    def _batches(self, split: str = "train", name: str | None = None) -> Iterator[Batch]:
        labelled = replace(self.subject, data=replace(self.subject.data, label=name or self.label))
        return split_images(labelled, split=split, world=self.world, batch_size=_AT_ONCE)


def _share(hits: Tensor) -> float:
    return hits.double().mean().item()
