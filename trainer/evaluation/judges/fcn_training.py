"""Training of a segmentation network on real photos, stopped and continued at any batch."""

import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import nn

from sharding.format.manifest_file import manifest_digest
from sharding.storage.files import write_atomically
from trainer.config.bounds import AtLeastOne, MoreThan
from trainer.config.errors import ConfigError
from trainer.data.randomness import seed_torch
from trainer.evaluation.judges.fcn_data import Scenes
from trainer.evaluation.judges.fcn_file import FcnInfo, write_fcn
from trainer.evaluation.judges.fcn_networks import FcnName, begin_with, build_fcn
from trainer.evaluation.metrics.segmentation import Confusion
from trainer.ranks.world import World

_SAVE_EVERY_S = 120.0
_WARM_UP = 0.05
_SCORED_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class FcnTraining:
    """How a network is trained."""

    network: FcnName
    total_kimg: Annotated[float, MoreThan(0, "use more than 0.")]
    batch_size: AtLeastOne
    lr: Annotated[float, MoreThan(0, "use more than 0.")]
    seed: int
    weights: str | None
    """File of initial weights."""

    @property
    def num_steps(self) -> int:
        """Batches in all."""
        return max(1, round(1000 * self.total_kimg / self.batch_size))


def train_fcn(
    scenes: Scenes,
    options: FcnTraining,
    *,
    out: Path,
    world: World,
    tell: Callable[[int, int], None],
    is_stopped: Callable[[], bool] = lambda: False,
) -> FcnInfo | None:
    """Train, from where the same call was stopped; score real photos; write the file.

    AdamW and the mean cross-entropy of labelled pixels; the learning rate rises over a twentieth of the batches, and
    falls along a cosine to 0. What is not finished lies beside `out`, as `NAME.part`.

    Args:
        out: the file of the trained network.
        tell: is told the images seen, and all.
        is_stopped: asked after each batch.

    Returns:
        None if it was stopped.

    Raises:
        ConfigError: `NAME.part` is of another training, or the initial weights do not fit.
        DatasetError: the data set is damaged, or lacks the split `train`.
    """
    seed_torch(options.seed, "fcn")
    classes = scenes.subject.manifest.classes
    network = build_fcn(options.network, len(classes))
    if options.weights is not None:
        begin_with(network, Path(options.weights))
    network.to(world.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    course = _Course(network, options, part=out.with_name(f"{out.name}.part"), identity=_identity(scenes, options))
    course.resume(world)
    if not _learn(course, scenes, world=world, tell=tell, is_stopped=is_stopped):
        return None
    info = FcnInfo(
        network=options.network,
        size=scenes.size,
        classes=classes,
        view_photo=scenes.subject.data.view_a,
        view_labels=scenes.subject.data.view_b,
        dataset=scenes.subject.manifest.name,
        dataset_sha256=manifest_digest(scenes.subject.manifest),
        num_images=options.num_steps * options.batch_size,
        options=asdict(options),
        scores={split: score_real(network, scenes, split, world=world) for split in scenes.scored_splits},
    )
    write_fcn(out, info, network.state_dict())
    course.part.unlink(missing_ok=True)
    return info


@torch.no_grad()
def score_real(network: nn.Module, scenes: Scenes, split: str, *, world: World) -> dict[str, float]:
    """Scores of real photos at the size of training, by name: pixel_accuracy, class_accuracy, miou, ..."""
    confusion = Confusion([info.name for info in scenes.subject.manifest.classes])
    network.eval()
    for batch in scenes.once(split, batch_size=_SCORED_AT_ONCE, world=world):
        confusion.add(network(batch.a.expand(-1, 3, -1, -1)).argmax(dim=1), scenes.numbers(batch))
    return confusion.compute()


class _Course:
    """A network on its way, which can be put down and taken up.

    Args:
        part: where it lies meanwhile.
        identity: what it is that is trained, as text.
    """

    def __init__(self, network: nn.Module, options: FcnTraining, *, part: Path, identity: str) -> None:
        self.network, self.options, self.part, self.identity = network, options, part, identity
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=options.lr, weight_decay=1e-2)
        self.step = 0

    def take(self, photos: torch.Tensor, numbers: torch.Tensor) -> None:
        """One step."""
        seed_torch(self.options.seed, "fcn", self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.lr * _share_of_lr(self.step / self.options.num_steps)
        scores = self.network(photos.expand(-1, 3, -1, -1))
        total = F.cross_entropy(scores, numbers, ignore_index=-1, reduction="sum")
        self.optimizer.zero_grad(set_to_none=True)
        (total / (numbers >= 0).sum().clamp_min(1)).backward()
        self.optimizer.step()
        self.step += 1

    def save(self) -> None:
        """Put it down."""
        buffer = io.BytesIO()
        held = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({"identity": self.identity, "step": self.step, **held}, buffer)
        write_atomically(self.part, buffer.getvalue())

    def resume(self, world: World) -> None:
        """Take up what was put down, if anything was."""
        if not self.part.exists():
            return
        remedy = "Remove it to begin anew, or repeat the command that began it."
        try:
            held: dict[str, Any] = torch.load(self.part, map_location=world.device, weights_only=True)
            identity = held["identity"]
        except Exception as error:  # what torch raises on damaged files is no family of errors
            raise ConfigError("out", str(self.part), f"is no training put down. {remedy}") from error
        if identity != self.identity:
            raise ConfigError("out", str(self.part), f"is of a training with other options or data. {remedy}")
        self.network.load_state_dict(held["network"])
        self.optimizer.load_state_dict(held["optimizer"])
        self.step = held["step"]


def _learn(
    course: _Course,
    scenes: Scenes,
    *,
    world: World,
    tell: Callable[[int, int], None],
    is_stopped: Callable[[], bool],
) -> bool:
    """Returns whether it came to the end."""
    size, num_steps = course.options.batch_size, course.options.num_steps
    loader = scenes.training(batch_size=size, seed=course.options.seed, start=course.step * size, world=world)
    course.network.train()
    saved = time.monotonic()
    try:
        while course.step < num_steps:
            batch = next(loader)
            course.take(batch.a, scenes.numbers(batch))
            tell(course.step * size, num_steps * size)
            if is_stopped() and course.step < num_steps:
                course.save()
                return False
            if time.monotonic() - saved > _SAVE_EVERY_S:
                course.save()
                saved = time.monotonic()
    finally:
        loader.close()
    return True


def _identity(scenes: Scenes, options: FcnTraining) -> str:
    """What must be equal where a training goes on."""
    data = scenes.subject.data
    what = {"dataset": manifest_digest(scenes.subject.manifest), "views": [data.view_a, data.view_b]}
    return json.dumps({**what, "size": scenes.size, "options": asdict(options)}, sort_keys=True)


def _share_of_lr(done: float) -> float:
    if done < _WARM_UP:
        return (done + 1e-3) / (_WARM_UP + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP)))
