"""Report many bad inputs at once, without flooding the screen."""

from collections.abc import Sequence

MAX_LISTED = 10


def listing(problems: Sequence[str]) -> str:
    """The first ten, one to a line, and how many more there are."""
    rest = len(problems) - MAX_LISTED
    lines = [f"  {problem}" for problem in problems[:MAX_LISTED]]
    return "\n".join(lines + ([f"  ... and {rest} more"] if rest > 0 else []))
