"""What the launcher says when a rank or a host fails: which was the first, its last words, and what happens next."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from launch.ranks.decisions import Failure
from launch.ranks.output import log_name
from sharding.console import make_console, one_line

_SHOWN = 3


def failure_block(failures: Sequence[Failure], first: Failure, *, attempt: int, logs: Path, ending_s: float) -> str:
    """The lines, without the word `error:` before them, and without what happens next."""
    when = datetime.fromtimestamp(first.time, UTC).strftime("%H:%M:%S UTC")
    who = first.host if first.rank is None else f"rank {first.rank} on {first.host}"
    lines = [f"{one_line(who)} failed first, {when}, attempt {attempt}: {one_line(first.text)}"]
    tail = [] if first.rank == 0 else first.tail.splitlines()  # what rank 0 said stands above
    lines += [f"  log: {one_line(logs / log_name(rank))}" for rank in first.ranks[:_SHOWN]]
    if tail:
        lines[-1] += "; its last lines:"
        lines += [f"    {one_line(line)}" for line in tail]
    others = [failure for failure in failures if failure is not first]
    if others:
        lines.append(f"  the others ended {ending_s:.1f} s later ({_describe(others)})")
    elif ending_s >= 0.1:
        lines.append(f"  the others were ended {ending_s:.1f} s later")
    return "\n".join(lines)


def _describe(others: Sequence[Failure]) -> str:
    told = [f"{_name(failure)}: {_short(failure.text)}" for failure in others[:_SHOWN]]
    more = len(others) - len(told)
    return "; ".join(told) + (f"; {more} more" if more > 0 else "")


def _name(failure: Failure) -> str:
    return one_line(failure.host if failure.rank is None else f"rank {failure.rank}")


def _short(text: str) -> str:
    line = one_line(text.splitlines()[0] if text else "")
    return line if len(line) <= 80 else line[:77] + "..."


def say_failure(block: str, *, then: str) -> None:
    """Print it once, with what happens next."""
    make_console(stderr=True).error(f"{block}\n  {then}")
