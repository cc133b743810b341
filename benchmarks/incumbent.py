"""The step of a clone of junyanz/pytorch-CycleGAN-and-pix2pix, of whichever version, as its own train.py makes it."""

import importlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from unittest.mock import patch

import torch

from trainer.data.batch import Batch
from trainer.ranks.world import World


class Case(Protocol):
    """What the benchmark's cases tell of a size."""

    @property
    def side(self) -> int: ...
    @property
    def num_filters(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def generator(self) -> str: ...
    @property
    def method(self) -> str: ...

    def batch(self, device: torch.device) -> Batch: ...


_MODELS = {"pix2pix": "pix2pix", "cyclegan": "cycle_gan"}
"""Its names for methods. Their settings are its defaults, which are the papers'."""


def incumbent(case: Case, world: World, clone: Path) -> Callable[[], object]:
    """The step of the user's own clone of junyanz/pytorch-CycleGAN-and-pix2pix, driven as its train.py does."""
    sys.path.insert(0, str(clone))
    arguments = (
        f"train.py --dataroot . --name bench --checkpoints_dir {tempfile.mkdtemp()}"
        f" --model {_MODELS[case.method]} --netG {case.generator}"
        f" --ngf {case.num_filters} --ndf {case.num_filters} --batch_size {case.batch_size}"
        f" --load_size {case.side} --crop_size {case.side}"
    ).split()
    if "--gpu_ids" in (clone / "options" / "base_options.py").read_text():  # its newest version has no such flag
        arguments += ["--gpu_ids", "0" if world.device.type == "cuda" else "-1"]
    former, sys.argv = sys.argv, arguments
    try:
        options = importlib.import_module("options.train_options").TrainOptions().parse()
        # Its newest train.py asks the machine for the device and sets it so; versions with --gpu_ids never look at it.
        options.device = world.device
        model = importlib.import_module("models").create_model(options)
        # In its newest version this draws weights and moves networks, and where there is a process group wraps them
        # for several GPUs. Its train.py makes a group for several processes only, the benchmark has one of one.
        with patch("torch.distributed.is_initialized", return_value=False):
            model.setup(options)
    finally:
        sys.argv = former
        sys.path.remove(str(clone))
    batch = case.batch(world.device)
    paths = [""] * case.batch_size
    model.set_input({"A": batch.a, "B": batch.b, "A_paths": paths, "B_paths": paths})
    return model.optimize_parameters
