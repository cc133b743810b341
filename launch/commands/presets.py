"""`diptych presets`: list the presets."""

import sys
from dataclasses import dataclass

import tyro

from launch.preset_lines import families, line_of


@dataclass(frozen=True)
class PresetsOptions:
    """List the presets by family: what each learns, its method, its size, its length and the data that it needs.

    `diptych train PRESET --help` tells all about one. A kimg is a thousand images.
    """


def main(argv: list[str]) -> int:
    """Print each preset's name, and a line about it. Returns the exit status."""
    tyro.cli(PresetsOptions, args=argv, prog="diptych presets")
    blocks = (
        f"{title}\n" + "".join(f"  {name}\n      {line_of(name)}\n" for name in names)
        for title, names in families().items()
    )
    sys.stdout.write("\n".join(blocks))
    return 0
