"""Designs for tests, of synthetic pictures."""

from dataclasses import replace
from typing import Any

from trainer.study.answers import TRUTH, Answer
from trainer.study.design import INPUT, Design

METHODS = ("one", "two")


def design(num_images: int = 24, **fields: Any) -> Design:
    """A small study of two methods, whose files need not exist."""
    names = [f"photo-{number:02d}" for number in range(num_images)]
    shown = (TRUTH, INPUT, *METHODS)
    images = {
        name: {who: f"{number * len(shown) + place:032x}.png" for place, who in enumerate(shown)}
        for number, name in enumerate(names)
    }
    made = Design(
        protocol="real-or-fake",
        title="Which is real?",
        methods=METHODS,
        images=images,
        checks={name: f"{1000 + number:032x}.png" for number, name in enumerate(names)},
        num_practice=2,
        num_counted=8,
        num_checks=2,
        exposure_ms=1000,
        seed=7,
        salt="ab" * 32,
    )
    return replace(made, **fields)


def answer(**fields: Any) -> Answer:
    """One answer."""
    known: dict[str, Any] = {"participant": "ada", "protocol": "real-or-fake", "part": "counted", "trial": 0}
    return Answer(**(known | {"method": "one", "image": "photo-00", "value": 1.0} | fields))
