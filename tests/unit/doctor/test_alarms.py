"""What lines of metrics say is wrong; trainings that go wrong are in tests/integration."""

from pathlib import Path

import pytest

from trainer.doctor.alarms import ALARMS, findings
from trainer.doctor.ear import Doctor
from trainer.monitoring import Metrics

HEALTHY: Metrics = {
    "position": 100,
    "throughput/images_per_s": 10.0,
    "game/discriminator/score_real": 0.7,
    "game/discriminator/score_fake": 0.3,
    "game/discriminator/accuracy_real": 0.8,
    "game/discriminator/accuracy_fake": 0.7,
    "output/fake_b/mean": 0.3,
    "output/fake_b/real_mean": 0.35,
    "output/fake_b/spread": 0.4,
    "output/fake_b/real_spread": 0.4,
    "output/fake_b/saturated": 0.1,
    "output/fake_b/real_saturated": 0.1,
    "output/fake_b/distance": 0.3,
    "output/fake_b/real_distance": 0.4,
    "output/fake_b/to_given": 0.4,
    "output/fake_b/real_to_given": 0.4,
    "output/fake_b/like_given": 0.2,
    "output/fake_b/like_real": 0.6,
    "share/data": 0.01,
    "time/reading_share": 0.1,
    "ranks/slowest": 3,
    "ranks/slowest_ratio": 1.1,
    "disk/free_gib": 100.0,
    "disk/checkpoint_gib": 1.0,
}
UNPAIRED = {key: value for key, value in HEALTHY.items() if key != "output/fake_b/like_real"}

SICK = [
    ("discriminator-wins", {"game/discriminator/accuracy_real": 1.0, "game/discriminator/accuracy_fake": 0.99}),
    ("discriminator-lost", {"game/discriminator/accuracy_real": 0.52, "game/discriminator/accuracy_fake": 0.5}),
    ("discriminator-lost", {"game/discriminator/accuracy_real": 1.0, "game/discriminator/accuracy_fake": 0.0}),
    ("mode-collapse", {"output/fake_b/distance": 0.02}),
    ("copies-input", {"output/fake_b/to_given": 0.03}),
    ("inverted-colours", {"output/fake_b/like_real": -0.8}),
    ("dead-outputs", {"output/fake_b/spread": 0.01}),
    ("saturated-outputs", {"output/fake_b/saturated": 0.9}),
    ("loader-bound", {"share/data": 0.6, "time/reading_share": 0.9}),
    ("slow-rank", {"ranks/slowest_ratio": 1.5}),
    ("disk-filling", {"disk/free_gib": 2.0}),
]


@pytest.mark.parametrize(("name", "change"), SICK)
def test_a_sick_run_is_told_of_by_its_alarm_alone(name: str, change: Metrics) -> None:
    found = findings([HEALTHY | change] * 10)
    assert [finding.name for finding in found] == [name]
    assert ALARMS[name].advice in str(found[0])


def test_what_one_line_shows_is_chance_and_a_healthy_run_is_silent() -> None:
    assert findings([HEALTHY] * 10) == []
    assert findings([UNPAIRED] * 10) == []
    assert findings([]) == []
    passing = [change for name, change in SICK if name not in ("slow-rank", "disk-filling")]
    assert [findings([HEALTHY | change] * 4) for change in passing] == [[]] * len(passing)


def test_the_negative_of_the_input_is_one_only_if_the_data_is_not() -> None:
    negative = UNPAIRED | {"output/fake_b/like_given": -0.9}
    assert findings([negative] * 5) == []
    (finding,) = findings([negative | {"output/fake_b/mean": -0.3}] * 5)
    assert finding.name == "inverted-colours"


def test_data_that_has_no_contrast_is_compared_with_nothing() -> None:
    flat = {key: 0.001 for key in HEALTHY if key.startswith("output/")}
    assert findings([HEALTHY | flat] * 10) == []


def test_reading_is_told_from_decoding() -> None:
    slow = HEALTHY | {"share/data": 0.6}
    assert "decoding" in str(findings([slow] * 5)[0])
    assert "reading" in str(findings([slow | {"time/reading_share": 0.9}] * 5)[0])


class _Told:
    """A logger that keeps alarms."""

    def __init__(self) -> None:
        self.alarms: list[tuple[str, int]] = []

    def log(self, metrics: Metrics) -> None: ...

    def picture(self, path: Path, position: int) -> None: ...

    def note(self, text: str, position: int) -> None: ...

    def alarm(self, key: str, text: str, position: int) -> None:
        self.alarms.append((key, position))

    def close(self) -> None: ...


def test_it_is_told_once_and_again_when_it_comes_back() -> None:
    told = _Told()
    doctor = Doctor([told])
    full, empty = HEALTHY | {"disk/free_gib": 1.0}, HEALTHY
    for position, line in enumerate([full] * 3 + [empty] * 21 + [full] * 2):
        doctor.log(line | {"position": position})
        doctor.log({"position": position, "eval/psnr": 3.0})
    assert told.alarms == [("alarm/disk-filling", 0), ("alarm/disk-filling", 24)]
