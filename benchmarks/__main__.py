"""`make bench`: the training step, then the data plane, each against its rivals; writes benchmarks/*.md."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

from benchmarks import data as data_plane
from benchmarks import step


@dataclass(frozen=True, kw_only=True)
class Options:
    """Side-by-side timings of one run on this machine."""

    incumbent: Path | None = None
    """Your clone of junyanz/pytorch-CycleGAN-and-pix2pix: its own step takes the place of the plain torch loop."""
    num_rounds: int = 7
    """Turns of each variant of the step."""
    num_steps: int = 6
    """Steps of one turn."""
    num_threads: int = 0
    """Of the step; 0 leaves it to torch."""
    only_step: bool = False
    """Leave the data plane out."""
    data: data_plane.Options = field(default_factory=data_plane.Options)
    """Of the data plane."""


def main() -> None:
    options = tyro.cli(Options)
    report = step.main(
        incumbent_clone=options.incumbent,
        num_rounds=options.num_rounds,
        num_steps=options.num_steps,
        num_threads=options.num_threads,
    )
    print(report)
    if options.only_step:
        return
    torch.set_num_threads(1)  # decoding is what the loaders' benchmark gives the cores to
    print(data_plane.run(options.data))


if __name__ == "__main__":
    main()
