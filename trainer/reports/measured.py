"""Which measured values of a run are drawn together, under which title."""

from collections.abc import Iterable

_TOGETHER = {
    "gradient": ("Gradient norms", "norm"),
    "update": ("Update against weight", "ratio"),
    "average": ("Averaged weights from present ones", "distance"),
}


def grouped(keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """Titles of charts -> keys of metrics -> names of their curves; what belongs to none is left out."""
    groups: dict[str, dict[str, str]] = {}
    for key in keys:
        place = _place(key)
        if place is not None:
            title, name = place
            groups.setdefault(title, {})[key] = name
    return groups


def _place(key: str) -> tuple[str, str] | None:
    """Its chart and its curve."""
    match key.split("/"):
        case ["game", player, what]:
            kind, _, images = what.partition("_")
            return f"{kind.capitalize()} of the {player}", images
        case ["output", name, what]:
            of = "data" if what.startswith("real_") else "made"
            return f"{name}: {what.removeprefix('real_').replace('_', ' ')}", of
        case ["share", phase]:
            return "Share of a step", phase
        case ["lr", player]:
            return "Learning rates", player
        case [kind, name, last] if kind in _TOGETHER and _TOGETHER[kind][1] == last:
            return _TOGETHER[kind][0], name
    return None
