"""What passes through plan, writer and verify beside paired images: labels, and samples of one view only."""

import json
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sharding.format import codec
from sharding.format.index import list_samples
from sharding.format.manifest import LabelInfo, Shard, View
from sharding.format.manifest_file import read_manifest, seal_manifest
from sharding.verifying.verify import verify
from sharding.work.plan import Draft, Plan, Sample
from sharding.writing.drafts import plan_shards
from sharding.writing.options import WriteOptions
from sharding.writing.shard_file import write_shard
from sharding.writing.writer import make_dataset
from tests.unit.sharding.damage import seal_as

LABELS = {"size": LabelInfo(names=["small", "large"], ordinal=True), "kind": LabelInfo(names=["cat", "dog", "owl"])}
VIEWS = {name: View(extension=f"{name}.png", channels=1, width=4, height=4) for name in ("summer", "winter")}


@dataclass(frozen=True, kw_only=True)
class DrawnSource:
    """Flat grey images; the origin of a draft is its grey."""

    drafts: list[Draft]
    labels: dict[str, LabelInfo] = field(default_factory=dict)
    kind: str = "paired"

    def made_by(self) -> dict:
        return {"source": "drawn"}

    def plan(self, crew, problems) -> Plan:
        return Plan(kind=self.kind, views=VIEWS, labels=self.labels, drafts=self.drafts, encode=self.encode)

    def encode(self, draft: Draft) -> Sample:
        if draft.origin == "killed":
            raise KeyboardInterrupt  # no clean-up follows, as after a kill
        views = [view for name, view in VIEWS.items() if draft.view in (None, name)]
        return draft.sample({v.extension: codec.encode(np.full((4, 4), draft.origin, np.uint8), "png") for v in views})


def labelled() -> DrawnSource:
    drafts = [Draft(key=f"k{i}", split="train", origin=i, labels={"size": i % 2, "kind": i % 3}) for i in range(6)]
    return DrawnSource(drafts=drafts, labels=LABELS)


def unpaired() -> DrawnSource:
    drafts = [Draft(key=f"winter-{i}", split="train", origin=100 + i, view="winter") for i in range(5)]
    drafts += [Draft(key=f"summer-{i}", split="train", origin=i, view="summer") for i in range(7)]
    drafts += [Draft(key=f"{name}-9", split="test", origin=9, view=name) for name in VIEWS]
    return DrawnSource(drafts=drafts, kind="unpaired")


def write(source: DrawnSource, out: Path) -> Path:
    make_dataset(source, WriteOptions(out=out, shard_samples=3, workers=1), progress=lambda done, total: None)
    return out


def rewrite_members(tar: Path, change: Callable[[str, bytes], bytes]) -> None:
    """Change the content of members, as another program than ours would."""
    with tarfile.open(tar) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]
    samples: dict[str, dict[str, bytes]] = {}
    for member, content in members:
        key, _, extension = member.name.partition(".")
        samples.setdefault(key, {})[extension] = change(extension, content)
    drawn = [Sample(key=key, split="train", members=files) for key, files in samples.items()]
    write_shard(tar.parents[1], f"train/{tar.name}", drawn)


def test_labels_follow_the_views_as_compact_json(tmp_path: Path) -> None:
    out = write(labelled(), tmp_path / "out")
    assert read_manifest(out).labels == LABELS
    found = {}
    for path in sorted(out.glob("train/*.tar")):
        for sample in list_samples(path):
            assert [member.extension for member in sample] == ["summer.png", "winter.png", "json"]
            place = sample[2]
            found[place.name] = path.read_bytes()[place.offset : place.offset + place.num_bytes]
    assert found == {f"k{i}.json": f'{{"kind":{i % 3},"size":{i % 2}}}'.encode() for i in range(6)}
    assert verify(out, decode=True) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"kind":3,"size":0}', "says kind 3, dataset.json lists 3 names"),
        ('{"kind":-1,"size":0}', "says kind -1"),
        ('{"kind":true,"size":0}', "says kind True"),
        ('{"kind":1}', "lists the labels"),
        ('{"kind":1,"size":0,"age":4}', "lists the labels"),
        ("[1, 0]", "lists the labels"),
        ('{"kind"', "is no JSON"),
    ],
)
def test_wrong_labels_are_found_without_decoding(tmp_path: Path, content: str, message: str) -> None:
    out = write(labelled(), tmp_path / "out")
    rewrite_members(out / "train/000000.tar", lambda extension, data: content.encode() if extension == "json" else data)
    problems = [problem for problem in verify(out, decode=False) if re.search(r"k\d\.json", problem)]
    assert len(problems) == 3, problems
    assert all(message in problem for problem in problems), problems


def test_missing_labels_are_found(tmp_path: Path) -> None:
    out = write(DrawnSource(drafts=[Draft(key="k", split="train", origin=1)]), tmp_path / "out")
    manifest = json.loads((out / "dataset.json").read_text())
    manifest["labels"] = {"kind": {"names": ["cat"]}}
    (out / "dataset.json").write_text(json.dumps(manifest))
    seal_manifest(out)
    assert verify(out) == [
        f"{out}/train/000000.tar: sample k has the members summer.png, winter.png; "
        "dataset.json tells of summer.png, winter.png, json"
    ]


def test_a_shard_of_an_unpaired_set_holds_one_view(tmp_path: Path) -> None:
    out = write(unpaired(), tmp_path / "out")
    manifest = read_manifest(out)
    assert manifest.kind == "unpaired"
    assert [(shard.path, shard.view, shard.num_samples) for shard in manifest.splits["train"]] == [
        ("train/summer-000000.tar", "summer", 3),
        ("train/summer-000001.tar", "summer", 3),
        ("train/summer-000002.tar", "summer", 1),
        ("train/winter-000000.tar", "winter", 3),
        ("train/winter-000001.tar", "winter", 2),
    ]
    assert [manifest.num_samples("train", view) for view in (None, "summer", "winter")] == [12, 7, 5]
    for shard in manifest.splits["train"]:
        extensions = {member.extension for sample in list_samples(out / shard.path) for member in sample}
        assert extensions == {f"{shard.view}.png"}
    assert verify(out, decode=True) == []


def test_samples_of_two_views_do_not_share_a_shard() -> None:
    drafts = [Draft(key=str(i), split="train", origin=None, view=view) for i, view in enumerate("aabbb")]
    shards = plan_shards(drafts, max_samples=9, max_bytes=99, num_bytes=lambda draft: 1)
    assert [(shard.path, [draft.key for draft in shard.drafts]) for shard in shards] == [
        ("train/a-000000.tar", ["0", "1"]),
        ("train/b-000000.tar", ["2", "3", "4"]),
    ]


@pytest.mark.parametrize("view", ["autumn", None])
def test_a_shard_of_a_view_that_the_set_has_not_is_found(tmp_path: Path, view: str | None) -> None:
    out = write(unpaired(), tmp_path / "out")
    manifest = json.loads((out / "dataset.json").read_text())
    manifest["splits"]["test"][0]["view"] = view
    seal_as(out, manifest)
    assert any("test/summer-000000.tar' is of the view" in problem for problem in verify(out)), verify(out)


def test_a_wrong_view_of_a_shard_is_found(tmp_path: Path) -> None:
    out = write(unpaired(), tmp_path / "out")
    manifest = json.loads((out / "dataset.json").read_text())
    manifest["splits"]["test"][0]["view"] = "winter"
    (out / "dataset.json").write_text(json.dumps(manifest))
    seal_manifest(out)
    assert any("has the members summer.png; dataset.json tells of winter.png" in problem for problem in verify(out))


def test_a_killed_unpaired_set_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kill comes among the second view's samples, after whole shards of both."""
    monkeypatch.setattr("sharding.writing.writer.NUM_PROBES", 0)
    whole = write(unpaired(), tmp_path / "whole" / "out")
    last = list_samples(whole / "train/winter-000001.tar")[-1][0].name.partition(".")[0]
    source = unpaired()
    dying = [Draft(**(vars(d) | {"origin": "killed"})) if d.key == last else d for d in source.drafts]
    with pytest.raises(KeyboardInterrupt):
        write(DrawnSource(drafts=dying, kind="unpaired"), tmp_path / "out")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out.partial").glob("train/*.tar")}
    assert sorted(path.name for path in kept) == [
        *(f"summer-{i:06d}.tar" for i in range(3)),
        "winter-000000.tar",
        "winter-000001.tar",  # begun
    ]

    del kept[tmp_path / "out.partial/train/winter-000001.tar"]
    write(source, tmp_path / "out")
    times = {
        tmp_path / "out.partial/train" / path.name: path.stat().st_mtime_ns for path in tmp_path.glob("out/*/*.tar")
    }
    assert kept.items() <= times.items(), "a finished shard was made again"
    for path in whole.rglob("*.*"):
        assert (tmp_path / "out" / path.relative_to(whole)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "drafts",
    [
        [Draft(key="k", split="train", origin=1), Draft(key="k", split="train", origin=2)],
        [Draft(key="k", split="train", origin=1, labels={"kind": 0})],
        [Draft(key="k", split="train", origin=1, view="summer")],
    ],
)
def test_a_source_that_breaks_its_promises_is_stopped(tmp_path: Path, drafts: list[Draft]) -> None:
    with pytest.raises(AssertionError):
        write(DrawnSource(drafts=drafts), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_one_shard_with_two_views_is_never_written(tmp_path: Path) -> None:
    samples = [Sample(key=view, split="train", members={f"{view}.png": b"1"}, view=view) for view in VIEWS]
    with pytest.raises(AssertionError, match="in one shard"):
        write_shard(tmp_path, "train/000000.tar", samples)
    assert isinstance(write_shard(tmp_path, "train/000000.tar", samples[:1]), Shard)
