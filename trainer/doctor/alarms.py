"""Alarms: from the lines of a run's metrics to what is wrong with it. Pure, and read without torch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trainer.doctor import signs
from trainer.monitoring import Metrics

PREFIX = "alarm/"
"""Of the keys by which metrics tell of findings."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong."""

    name: str
    """Of the alarm, e.g. `discriminator-wins`."""
    what: str
    """With its figures."""

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ALARMS[self.name].advice

    @property
    def key(self) -> str:
        """Of the metric that tells of it."""
        return f"{PREFIX}{self.name}"

    def __str__(self) -> str:
        return f"warning: {self.what}. {self.advice}"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One kind of trouble."""

    title: str
    advice: str
    find: Callable[[Sequence[Metrics]], Iterator[str]]
    """The newest lines that have measures, the newest last -> what is wrong, at most once for each player or output."""


def findings(lines: Sequence[Metrics]) -> list[Finding]:
    """What is wrong by the lines of a run so far, in order; only the last ten that have measures count."""
    measured = [line for line in lines if any(key.startswith(("share/", "game/", "output/", "disk/")) for key in line)]
    return [
        Finding(name=name, what=what) for name, alarm in ALARMS.items() for what in alarm.find(measured[-signs.MANY :])
    ]


ALARMS = {
    "discriminator-wins": Alarm(
        title="The discriminator wins",
        advice="The generator may learn nothing from it: lower --optimizer.discriminator-lr-factor, smooth its "
        "labels, or let the generator step more often.",
        find=signs.discriminator_wins,
    ),
    "discriminator-lost": Alarm(
        title="The discriminator guesses",
        advice="If images are not good yet, it teaches nothing: raise its rate or its size, or lower the weights of "
        "the other terms.",
        find=signs.discriminator_lost,
    ),
    "mode-collapse": Alarm(
        title="Mode collapse",
        advice="Go back to a checkpoint before it; a lower rate, another objective (least-squares, hinge) or a "
        "larger batch may avoid it.",
        find=signs.mode_collapse,
    ),
    "copies-input": Alarm(
        title="The generator copies its input",
        advice="Lower the weights of identity and cycle, or raise the adversarial one; see that view_b is the target.",
        find=signs.copies_input,
    ),
    "inverted-colours": Alarm(
        title="Inverted colours",
        advice="The losses allow the negative: raise the weight of identity, or start anew with another --train.seed.",
        find=signs.inverted,
    ),
    "dead-outputs": Alarm(
        title="Dead outputs",
        advice="One flat colour: lower the rate; a generator that was never better needs other first weights or norms.",
        find=signs.dead,
    ),
    "saturated-outputs": Alarm(
        title="Saturated outputs",
        advice="Where tanh is flat nothing is learnt: lower the rate, and look at the range of the data's values.",
        find=signs.saturated,
    ),
    "loader-bound": Alarm(
        title="Waiting for data",
        advice="Of decoding: more --data.num-threads, or shards with smaller images. Of reading: a faster disk, or a "
        "copy of the data set on this machine.",
        find=signs.loader_bound,
    ),
    "slow-rank": Alarm(
        title="One rank is slow",
        advice="All others wait for it: look for other work on its host, a hot or slower device, a slow disk.",
        find=signs.slow_rank,
    ),
    "disk-filling": Alarm(
        title="The disk fills",
        advice="The next save may fail: free room, or keep fewer with --checkpoint.keep.",
        find=signs.disk_filling,
    ),
}
"""By name, in the order in which they are told."""
