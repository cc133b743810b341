"""Translating beside the incumbent's own test script: `python -m benchmarks.translating_incumbent --incumbent DIR`.

DIR is a checkout of pytorch-CycleGAN-and-pix2pix, whose networks, with weights drawn by its own code, both use: ours by
`diptych import-incumbent`. Both commands take the same pictures in turns, start included. Its test.py writes the input
beside each translation and a page of both; ours writes translations.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

from benchmarks.machine import command_line, describe_machine
from benchmarks.material import earth, write_photos
from benchmarks.translating import Spent, spend
from sharding.console import markdown_table
from trainer.config.data import CACHE_FOLDER

_ROOT = Path(__file__).parents[1]
_NETWORKS = {
    "unet_256": ("--netG", "unet_256", "--norm", "batch"),
    "unet_128": ("--netG", "unet_128", "--norm", "batch"),
    "resnet_9blocks": ("--netG", "resnet_9blocks", "--norm", "instance", "--no_dropout"),
}
"""Flags of its test.py: the generators of its pix2pix, for sides of 256 and 128, and its CycleGAN, of 64 filters."""
_SAVE = """
import sys, torch
from models import networks
kind, norm, dropout, path = sys.argv[1:]
torch.manual_seed(0)
torch.save(networks.define_G(3, 3, 64, kind, norm, dropout == "on", "normal", 0.02, []).state_dict(), path)
"""
_TITLES = ("network", "pictures", "theirs, s", "ours, s", "times", "theirs, processor s", "ours, processor s", "times")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured."""

    incumbent: Path
    """A checkout of pytorch-CycleGAN-and-pix2pix."""
    python: Path = Path(sys.executable)
    """That runs it: it needs `dominate` beside what Diptych needs."""
    images: tuple[int, ...] = (20, 2000)
    """Counts of pictures."""
    side: int = 256
    """Of the pictures, in pixels."""
    networks: tuple[str, ...] = ("unet_256", "resnet_9blocks")
    """Those of the incumbent."""
    rounds: int = 1
    """Turns of each; the shortest counts."""


def _save_weights(options: Options, network: str, *, folder: Path) -> Path:
    """Drawn by the incumbent's own code, and stored where its test.py looks for them."""
    path = folder / network / "latest_net_G.pth"
    path.parent.mkdir(parents=True)
    dropout = "off" if "--no_dropout" in _NETWORKS[network] else "on"
    norm = _NETWORKS[network][3]
    spend([str(options.python), "-c", _SAVE, network, norm, dropout, str(path)], cwd=options.incumbent)
    return path


def _theirs(options: Options, network: str, *, pictures: Path, weights: Path, out: Path) -> Spent:
    side, number = str(options.side), str(len(list(pictures.iterdir())))
    size = ("--load_size", side, "--crop_size", side, "--num_test", number)
    places = ("--dataroot", str(pictures), "--checkpoints_dir", str(weights), "--results_dir", str(out))
    words = ("test.py", "--model", "test", "--name", network, *_NETWORKS[network], *places, *size, "--gpu_ids", "-1")
    return spend([str(options.python), *words], cwd=options.incumbent)


def _ours(*words: str, cache: Path) -> Spent:
    environment = {"PYTHONPATH": str(_ROOT), CACHE_FOLDER: str(cache)}
    return spend([sys.executable, "-P", "-m", "launch.cli", *words], cwd=_ROOT, environment=environment)


def _row(options: Options, network: str, *, pictures: Path, folder: Path) -> list[str]:
    weights, run = folder / "weights", folder / f"run-{network}"
    if not run.exists():
        path = _save_weights(options, network, folder=weights)
        _ours("import-incumbent", str(path), "--out", str(run), cache=folder / "cache")
    theirs, ours = [], []
    for _ in range(options.rounds):
        out = folder / "out"
        theirs.append(_theirs(options, network, pictures=pictures, weights=weights, out=out / "theirs"))
        words = ("translate", str(run), "--in", str(pictures), "--out", str(out / "ours"), "--device", "cpu")
        ours.append(_ours(*words, cache=folder / "cache"))
        shutil.rmtree(out)
    clock = [min(each.clock for each in spent) for spent in (theirs, ours)]
    processor = [min(each.processor for each in spent) for spent in (theirs, ours)]
    return [network, str(len(list(pictures.iterdir()))), *_compared(clock), *_compared(processor)]


def _compared(seconds: Sequence[float]) -> list[str]:
    theirs, ours = seconds
    return [f"{theirs:.1f}", f"{ours:.1f}", f"{theirs / ours:.2f}"]


def main(options: Options) -> None:
    """Print the table, a row as soon as it is there."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # of both: ours sets it
    print(describe_machine("torch"), command_line("benchmarks.translating_incumbent"), sep="\n")
    with TemporaryDirectory() as temporary, earth(128) as data:
        rows, folder = [], Path(temporary)
        for number in options.images:
            write_photos(folder / str(number), data=data, view="satellite", num_files=number, side=options.side)
            for network in options.networks:
                rows.append(_row(options, network, pictures=folder / str(number), folder=folder))
                print(" | ".join(rows[-1]), flush=True)
    print("\n".join(markdown_table(_TITLES, rows)))


if __name__ == "__main__":
    main(tyro.cli(Options))
