"""`diptych presets`: list the presets."""

import sys
from dataclasses import dataclass

import tyro

from trainer.presets import describe_preset, preset_names


@dataclass(frozen=True)
class PresetsOptions:
    """List the presets, each with what it is for."""


def main(argv: list[str]) -> int:
    """Print each preset's name, and the first line about it. Returns the exit status."""
    tyro.cli(PresetsOptions, args=argv, prog="diptych presets")
    sys.stdout.writelines(f"{name}\n    {describe_preset(name).splitlines()[0]}\n" for name in preset_names())
    return 0
