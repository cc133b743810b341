"""Studies of simulated participants, with pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from trainer.study.answers import TRUTH, Answer, Protocol
from trainer.study.design import IMAGES, INPUT, Design, write_design
from trainer.study.simulation import Crowd, simulate
from trainer.study.store import add_answers


def design_of(protocol: Protocol, *methods: str, num_images: int = 8, num_counted: int = 10) -> Design:
    """A study of so many inputs, `0` and on, each with all its images."""
    names = (*methods, TRUTH, INPUT)
    images = {
        str(number): {name: f"{number * len(names) + place:032x}.png" for place, name in enumerate(names)}
        for number in range(num_images)
    }
    return Design(
        protocol=protocol,
        title="Which is it?",
        methods=methods,
        images=images,
        num_practice=2 if protocol == "real-or-fake" else 0,
        num_counted=num_counted,
        exposure_ms=1000 if protocol == "real-or-fake" else None,
        salt="5a" * 32,
    )


def study_with_checks(*methods: str, **changes) -> Design:
    """Real or fake, in seven trials: two of practice, four that count, one check."""
    design = design_of("real-or-fake", *(methods or ("ours", "theirs")), num_images=9, num_counted=4)
    checks = {image: f"{number + 1000:032x}.png" for number, image in enumerate(design.images)}
    return replace(design, checks=checks, num_checks=1, **changes)


def write_study(
    folder: Path,
    design: Design,
    truth: Mapping[str, Sequence[float]] | None,
    *,
    num_participants: int = 12,
    seed: int = 0,
) -> list[Answer]:
    """Put the study into a folder, with its images, and answers of a crowd unless `truth` is None; these."""
    (folder / IMAGES).mkdir(parents=True)
    for number, name in enumerate(name for shown in design.images.values() for name in shown.values()):
        picture = Image.fromarray(np.full((12, 16, 3), number % 256, dtype=np.uint8))
        picture.save(folder / IMAGES / name)
    write_design(folder, design)
    if truth is None:
        return []
    crowd = Crowd(num_participants=num_participants, num_trials=design.num_counted, num_images=len(design.images))
    answers = simulate(design.protocol, truth, crowd=crowd, seed=seed)
    if design.exposure_ms is not None:
        answers = [replace(answer, exposures_ms=(1000.0, 1016.7)) for answer in answers]
    add_answers(folder, answers)
    return answers
