"""What `sharding` writes is what the loader reads: unpaired samples with labels, through both."""

import numpy as np
import torch

from sharding.format.manifest import LabelInfo, View
from sharding.format.manifest_file import read_manifest
from sharding.work.plan import Draft, Plan
from sharding.writing.options import WriteOptions
from sharding.writing.writer import make_dataset
from tests.unit.data.loading import method_of
from tests.unit.data.tiny_shards import encode
from trainer.config.data import DataConfig
from trainer.data.loader import Loader
from trainer.data.subject import Subject
from trainer.ranks.world import lone_world

SIDE = 16
NUM_SAMPLES = {"horse": 7, "zebra": 5}


class Animals:
    """A source of unpaired images whose label can be told from their pixels, which are all alike."""

    def made_by(self):
        return {"source": "animals"}

    def plan(self, crew, problems):
        drafts = [
            Draft(key=f"{view}-{number}", split="train", origin=number, labels={"number": number}, view=view)
            for view, num in NUM_SAMPLES.items()
            for number in range(num)
        ]
        views = {view: View(extension=f"{view}.png", width=SIDE, height=SIDE) for view in NUM_SAMPLES}
        labels = {"number": LabelInfo(names=[str(number) for number in range(7)], ordinal=True)}
        return Plan(kind="unpaired", views=views, labels=labels, drafts=drafts, encode=self.encode)

    def encode(self, draft):
        pixels = np.full((SIDE, SIDE, 3), draft.origin, np.uint8)
        return draft.sample({f"{draft.view}.png": encode(pixels, "png")})


def test_labels_and_views_come_out_as_they_went_in(tmp_path):
    out = tmp_path / "animals"
    make_dataset(Animals(), WriteOptions(out=out, shard_samples=3, workers=1), progress=lambda done, total: None)
    loader = Loader(
        Subject(
            data=DataConfig(path=out, view_a="horse", view_b="zebra", label="number", load_size=SIDE, crop_size=SIDE),
            method=method_of("unpaired"),
            manifest=read_manifest(out),
        ),
        world=lone_world(torch.device("cpu")),
        batch_size=5,
        seed=0,
    )
    batches = [next(loader) for _ in range(7)]
    loader.close()
    levels = {
        name: torch.cat([getattr(batch, name)[:, 0, 0, 0] for batch in batches]).mul(127.5).add(127.5).round().long()
        for name in ("a", "b")
    }
    assert torch.equal(torch.cat([batch.label for batch in batches]), levels["a"])
    assert torch.equal(levels["a"].bincount(), torch.full((7,), 5))
    assert torch.equal(levels["b"].bincount(), torch.full((5,), 7))
    assert [key for batch in batches for key in batch.keys] == [f"horse-{level}" for level in levels["a"]]
