"""Whether an exported translation gives what the trained networks give: on real pictures, in batches, at two sizes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.config.errors import ConfigError
from trainer.exports.pictures import find_pictures
from trainer.exports.plain import Inputs, PlainTranslation
from trainer.runs.opened import OpenRun

BATCHES = (1, 4)
"""Pictures side by side that are tried."""
MOST_DIFFERENCE = 1 / 510
"""Of the range of values: half a level of 8 bits. Equal arithmetic in another order differs by about 1e-6."""

Run = Callable[..., Tensor]
"""A file at work: `PlainTranslation.forward`."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Pictures of one size side by side, and what the trained networks make of each by itself."""

    inputs: tuple[Tensor, ...]
    expected: Tensor


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What exported files are compared with."""

    cases: tuple[Case, ...]
    range: float
    """From the lowest value of the result to the highest."""
    told: str
    """Which pictures, for the model card."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How near an exported file comes to the trained networks."""

    most: float
    """The largest difference of any value, as a share of their range."""
    mean: float
    told: str
    """What was compared."""


def sizes_to_try(inputs: Inputs) -> list[tuple[int, int]]:
    """Height and width of the pictures that are tried: as trained, and a smaller and wider one."""
    if inputs.is_fixed:
        return [inputs.trained_side]
    stride = inputs.stride
    height, width = (max(inputs.smallest, side // stride * stride) for side in inputs.trained_side)
    narrow = max(inputs.smallest, height * 3 // 4 // stride * stride)
    return [(height, width), (narrow, width + stride * max(1, width // 4 // stride))]


@torch.no_grad()
def make_trial(plain: PlainTranslation, opened: OpenRun) -> Trial:
    """Let the trained networks translate, one picture at a time, as `diptych translate` does."""
    inputs = plain.inputs
    pictures = find_pictures(opened, inputs, num=max(BATCHES))
    cases = []
    for height, width in sizes_to_try(inputs):
        for num in BATCHES:
            given = pictures.batch(num, height=height, width=width, inputs=inputs)
            ones = [plain(*(part[number : number + 1] for part in given)) for number in range(num)]
            cases.append(Case(inputs=given, expected=torch.cat(ones)))
    low, high = inputs.result.decoded_range
    return Trial(cases=tuple(cases), range=high - low, told=pictures.told)


def compare(run: Run, trial: Trial, *, kind: str) -> Agreement:
    """How near `run` comes to the trained networks in all cases.

    Raises:
        ConfigError: it differs, with the difference.
    """
    peaks, means = [], []
    for case in trial.cases:
        found = run(*case.inputs)
        if found.shape != case.expected.shape:
            remedy = f"gives {tuple(found.shape)} for {tuple(case.expected.shape)}"
            raise ConfigError("format", kind, f"the exported file {remedy}: nothing is written.")
        away = (found - case.expected).abs().double() / trial.range
        peaks.append(away.max())
        means.append(away.mean())
    most = torch.stack(peaks).max().item()  # nan where one is: Python's max would lose it
    if not most <= MOST_DIFFERENCE:
        remedy = (
            f"the exported file differs from the trained networks by {most:.2e} of the range of values, of at most "
            f"{MOST_DIFFERENCE:.2e}, on {trial.told}: nothing is written. Try another format, and report it."
        )
        raise ConfigError("format", kind, remedy)
    sizes = ", ".join(dict.fromkeys("x".join(map(str, case.expected.shape[2:])) for case in trial.cases))
    told = f"{trial.told}, batches of {' and '.join(map(str, BATCHES))}, height x width {sizes}"
    return Agreement(most=most, mean=torch.stack(means).mean().item(), told=told)
