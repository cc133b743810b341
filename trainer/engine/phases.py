"""Where a rank's time goes within its steps, measured without waiting for the device."""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

Phase = Literal["data", "forward", "backward", "communication", "update", "rest", "pause"]
PHASES: tuple[Phase, ...] = ("data", "forward", "backward", "communication", "update", "rest")
"""Of a step. What is a pause, as scores and saves are, is counted nowhere."""


class Phases:
    """A stopwatch that is in one phase at a time.

    On the CPU it reads a clock. On a GPU it records events on the current stream, which are read when they have passed:
    a phase is then what the GPU takes for it, its idle time included; what the host does meanwhile costs nothing.
    """

    def __init__(self, device: torch.device) -> None:
        self._seconds: dict[Phase, float] = defaultdict(float)
        self._taken: dict[Phase, float] = defaultdict(float)
        self._now: Phase = "pause"
        self._began = time.perf_counter()
        self._events: deque[tuple[Phase, Any]] | None = deque() if device.type == "cuda" else None

    @property
    def now(self) -> Phase:
        """The phase that time is counted for."""
        return self._now

    def enter(self, phase: Phase) -> None:
        """Count for another phase from now on."""
        if self._events is None:
            now = time.perf_counter()
            self._seconds[self._now] += now - self._began
            self._began = now
        else:
            self._record(phase, self._events)
        self._now = phase

    def _record(self, phase: Phase, events: deque[tuple[Phase, Any]]) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        events.append((phase, event))
        while len(events) > 1 and events[1][1].query():
            passed, began = events.popleft()
            self._seconds[passed] += began.elapsed_time(events[0][1]) / 1000

    def watch_backward(self, loss: Tensor) -> None:
        """To be called before the backward pass of a loss: once all gradients are there, it is communication.

        DDP waits for the other ranks in a callback at the end of the backward pass, which comes after this one.
        """
        self.enter("backward")

        def begun(_: Tensor) -> None:
            torch.autograd.Variable._execution_engine.queue_callback(lambda: self.enter("communication"))

        loss.register_hook(begun)

    def totals(self) -> dict[Phase, float]:
        """Seconds of each phase of a step since this was made."""
        self.enter(self._now)
        return {phase: self._seconds[phase] for phase in PHASES}

    def take(self) -> dict[Phase, float]:
        """Seconds of each phase of a step since the last call; then starts anew."""
        totals, before = self.totals(), self._taken
        self._taken = defaultdict(float, totals)
        return {phase: totals[phase] - before[phase] for phase in PHASES}


_OPERATIONS = (
    "all_gather",
    "all_gather_coalesced",
    "all_gather_into_tensor",
    "all_reduce",
    "all_reduce_coalesced",
    "barrier",
    "broadcast",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
)


def count_communication(phases: Phases) -> None:
    """Have what DeepSpeed sends between ranks, at ZeRO 1 to 3, counted as communication, in whatever phase it falls."""
    from deepspeed.comm import comm

    for name in _OPERATIONS:
        operation = getattr(type(comm.cdb), name, None)
        if operation is not None:
            setattr(comm.cdb, name, _counted(operation.__get__(comm.cdb), phases))


def _counted(operation: Callable[..., Any], phases: Phases) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        before = phases.now
        phases.enter("communication")
        try:
            return operation(*arguments, **options)
        finally:
            phases.enter(before)

    return call
