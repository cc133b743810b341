"""The pictures of the worst and best images show those images, the worst of all first."""

import numpy as np
import torch
from PIL import Image

from tests.tiny_run import sample_views
from trainer.evaluation.case_pictures import draw_cases
from trainer.evaluation.extremes import Case, Extremes
from trainer.inference.translator import load_translator
from trainer.pictures.cells import GAP, HEADER, cell_size
from trainer.ranks.world import lone_world
from trainer.runs.opened import open_run


def test_rows_are_the_images_that_are_named(tiny_run):
    opened = open_run(tiny_run)
    translator, _ = load_translator(opened, device=torch.device("cpu"))
    two, none = (Case(key=f"val-{place}", place=place, value=float(place)) for place in (2, 0))
    found, shown = draw_cases(
        opened,
        translator,
        split="val",
        extremes={"eval/psnr": Extremes(worst=(two, none), best=())},
        beside=tiny_run.evaluation_picture,
        world=lone_world(torch.device("cpu")),
    )
    assert [path.name for path in found.values()] == ["evaluation-worst.png"]
    assert [(case.key, case.end, case.value) for case in shown] == [("val-2", "worst", 2.0), ("val-0", "worst", 0.0)]
    side, _ = cell_size(32, 32)
    grid = Image.open(found["worst"])
    for row, place in enumerate((2, 0)):
        top = HEADER + row * (side + GAP)
        shown = grid.crop((0, top, side, top + side)).resize((32, 32), Image.Resampling.NEAREST)
        difference = np.asarray(shown).astype(int) - sample_views("val", place)["photo"]
        assert np.abs(difference).max() <= 1
