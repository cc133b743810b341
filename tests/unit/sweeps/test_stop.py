"""A sweep that is told to stop, with Tune's own handlers in place."""

import os
import signal
import subprocess
import sys

import pytest

LISTENING = """
import signal
from ray.tune.tune import _setup_signal_catching
from sweeps.tune.signals import stop_signals
with stop_signals():
    told = _setup_signal_catching()
    for number in {numbers}:
        signal.raise_signal(number)
        print(number, told.is_set(), flush=True)
"""


def stopped(*numbers: int) -> tuple[int, list[str]]:
    """The exit status of a sweep that hears these signals, and what it says after each."""
    command = [sys.executable, "-c", LISTENING.format(numbers=[int(number) for number in numbers])]
    environment = os.environ | {"TUNE_DISABLE_SIGINT_HANDLER": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tune_hears_of_the_first_signal_and_the_second_ends_the_sweep(number: signal.Signals) -> None:
    assert stopped(number, number, number) == (-number, [f"{int(number)} True"])


def test_a_terminal_that_is_closed_is_heard_of_twice_and_ends_nothing_more() -> None:
    assert stopped(signal.SIGHUP, signal.SIGHUP) == (0, [f"{int(signal.SIGHUP)} True"] * 2)
