"""What a participant said in one trial, whichever way it was asked: what reports are made of."""

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["real-or-fake", "realness", "preference"]
"""Real or fake: a real image and a generated one, each for one second; which is the fake? (Isola et al. 2017, section
4.1). Realness: one image, from 0 "missing" to 4 "compelling" (Yi et al. 2017, DualGAN, section 5). Preference: which
of two methods' images of one input is the better?
"""

Part = Literal["practice", "counted", "attention"]
"""Practice has feedback and no weight; attention asks for what everybody sees, and who fails is left out."""

TRUTH = "truth"
"""The method by whose name real images are shown in `realness` and `preference`."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One trial that was answered."""

    participant: str
    """A name of no meaning, the same in all trials of one person."""
    protocol: Protocol
    part: Part
    trial: int
    """From 0, in the order in which the participant saw them."""
    method: str
    """Whose image is judged; in `preference`, the one whose win is 1."""
    rival: str | None = None
    """The other method of `preference`."""
    image: str
    """Which image, or input, of the study: of all methods the same for the same input."""
    value: float
    """Real or fake: 1 if the generated image was taken for the real one, else 0. Realness: 0 to 4. Preference: 1 if
    `method` was chosen, 0 if `rival` was. Attention: 1 if it was answered as it must be, else 0."""
    exposures_ms: tuple[float, ...] = ()
    """For how long each image was really on the screen, as the browser measured it; empty where it is unknown."""
    seconds: float | None = None
    """From the moment at which an answer was possible to the answer; None where it is unknown."""
