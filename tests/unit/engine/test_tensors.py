"""Reading weights and optimizer state runs no code, at any ZeRO stage, and what earlier versions wrote is read."""

import pickle
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from sharding.storage.records import RecordError
from tests.strange import Touches, poison
from tests.unit.engine.test_engine import config_of, make_engine, pix2pix, train, weights
from trainer.config.adversarial import AdversarialConfig
from trainer.engine.engine import Engine
from trainer.engine.tensors import load_tensors
from trainer.engine.zero_states import join_states

STAGES = (0, 1, 2, 3)
PLAYERS = ("discriminator", "generator")


def new_engine(stage: int) -> Engine:
    return make_engine(config_of(pix2pix(AdversarialConfig()), zero_stage=stage))


def save_as_before(engine: Engine, folder: Path) -> None:
    """As earlier versions did: DeepSpeed alone, with its scripts."""
    for player in engine.players.values():
        del player.engine._copy_recovery_script
    engine.save(folder)


def deepspeeds_optimizer() -> Any:
    """With one of each class of DeepSpeed's that its files name."""
    return new_engine(1).players["generator"].engine.optimizer


@pytest.fixture
def only_weights(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that torch reads in this test, each of them without running code."""
    read, load = [], torch.load

    def watched(file: Any, *arguments: Any, **options: Any) -> Any:
        assert options.get("weights_only") is True, f"{file} is unpickled"
        read.append(Path(file).name)
        return load(file, *arguments, **options)

    monkeypatch.setattr(torch, "load", watched)
    return read


@pytest.mark.parametrize("stage", STAGES)
def test_what_an_earlier_version_saved_is_gone_on_with_without_unpickling(
    stage: int, tmp_path: Path, only_weights: list[str]
):
    saved = new_engine(stage)
    for step in range(2):
        train(saved, step=step)
    save_as_before(saved, tmp_path)
    assert len(list(tmp_path.rglob("zero_to_fp32.py"))) == 2 * (stage > 0), "this is how it was"
    loaded = new_engine(stage)
    loaded.load(tmp_path, saved_ranks=1)
    assert any(name.endswith("model_states.pt") for name in only_weights)
    assert any("optim_states" in name for name in only_weights) == (stage > 0)
    expected, found = train(saved, step=2), train(loaded, step=2)
    assert found == expected
    for player in PLAYERS:  # after a step of the optimizer, whose state was in the files too
        assert torch.equal(weights(loaded, player), weights(saved, player))


@pytest.mark.parametrize("stage", STAGES)
def test_a_call_in_any_of_deepspeeds_files_is_refused_and_named(stage: int, tmp_path: Path):
    train(engine := new_engine(stage), step=0)
    engine.save(tmp_path / "saved")
    assert not list(tmp_path.rglob("*.py")), "no program is left in a checkpoint"
    files = sorted(path for path in (tmp_path / "saved").rglob("*.pt"))
    assert len(files) == len(PLAYERS) * (1 if stage == 0 else 2)
    marker, victim = tmp_path / "marker", new_engine(stage)
    for path in files:
        whole = path.read_bytes()
        poison(path, marker)
        with pytest.raises(RecordError, match=rf"{path} is not what torch and DeepSpeed write.*could run code"):
            victim.load(tmp_path / "saved", saved_ranks=1)
        path.write_bytes(whole)
    assert not marker.exists()


@pytest.mark.parametrize("stage", [1, 2])
def test_a_call_is_refused_on_another_number_of_ranks(stage: int, tmp_path: Path):
    train(engine := new_engine(stage), step=0)
    engine.save(tmp_path)
    for part in list(tmp_path.rglob("*optim_states.pt")):
        shutil.copy(part, part.with_name(part.name.replace("zero_pp_rank_0", "zero_pp_rank_1")))
    folder = tmp_path / "generator" / "state"
    part = folder / "zero_pp_rank_1_mp_rank_00_optim_states.pt"
    poison(part, tmp_path / "marker")
    with pytest.raises(RecordError, match=part.name):
        join_states(folder, num_ranks=2)
    with pytest.raises(RecordError, match=part.name):
        new_engine(stage).load(tmp_path, saved_ranks=2)
    assert not (tmp_path / "marker").exists()


def as_plain_pickle(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=2))


OLD_FORMAT = partial(torch.save, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("write", [torch.save, OLD_FORMAT, as_plain_pickle])
def test_a_call_is_refused_in_whatever_form_it_comes(write: Any, tmp_path: Path):
    write({"weights": [1, 2], "strange": Touches(tmp_path / "marker")}, tmp_path / "x.pt")
    with pytest.raises(RecordError, match=r"x\.pt is not what torch and DeepSpeed write"):
        load_tensors(tmp_path / "x.pt")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("state", [{"numel": -1, "start": 0}, {"numel": "3", "start": 0}, {"numel": 1}])
def test_a_slice_has_a_place_and_a_length(state: dict[str, Any], tmp_path: Path):
    fragment = next(iter(deepspeeds_optimizer()._param_slice_mappings[0].values()))
    torch.save([fragment], tmp_path / "right.pt")
    (loaded,) = load_tensors(tmp_path / "right.pt")
    assert (loaded.numel, loaded.start) == (fragment.numel, fragment.start)
    vars(fragment).clear()
    vars(fragment).update(state)
    torch.save([fragment], tmp_path / "forged.pt")
    with pytest.raises(RecordError, match="is not what"):
        load_tensors(tmp_path / "forged.pt")


def test_nothing_of_a_loss_scaler_is_taken_over(tmp_path: Path):
    scaler = deepspeeds_optimizer().loss_scaler
    vars(scaler).update(cur_scale=1e30, update_scale=[1])  # which shadows a method
    torch.save([scaler], tmp_path / "x.pt")
    (loaded,) = load_tensors(tmp_path / "x.pt")
    assert vars(loaded) == {}


@pytest.mark.parametrize("kind", ["link", "folder", "missing", "cut", "empty"])
def test_what_is_no_whole_file_is_named(kind: str, tmp_path: Path):
    path = tmp_path / "x.pt"
    torch.save([torch.ones(1000)], tmp_path / "whole.pt")
    if kind == "link":
        path.symlink_to(tmp_path / "whole.pt")
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes((tmp_path / "whole.pt").read_bytes()[: 1000 * (kind == "cut")])
    with pytest.raises(RecordError, match=r"x\.pt is (a link|no regular|missing|damaged)"):
        load_tensors(path)


@pytest.fixture(scope="module")
def stages() -> Any:
    """DeepSpeed's enumeration of the stages of ZeRO, which each of its optimizers names in its file."""
    new_engine(1)  # imports it
    return sys.modules["deepspeed.runtime.zero.config"].ZeroStageEnum


class ByName:
    """Pickled as a call of `getattr`, as Python 3.11.0 to 3.11.3 do with a member of an enumeration."""

    def __init__(self, kind: Any, name: str) -> None:
        self.kind, self.name = kind, name

    def __reduce__(self) -> Any:
        return getattr, (self.kind, self.name)


def test_a_stage_that_an_older_python_has_written_by_its_name_is_read(stages: Any, tmp_path: Path):
    for stage in stages:
        torch.save({"zero_stage": ByName(stages, stage.name)}, tmp_path / "states.pt")
        assert load_tensors(tmp_path / "states.pt") == {"zero_stage": stage.value}


@pytest.mark.parametrize(("kind", "name"), [(None, "__class__"), (int, "from_bytes"), (dict, "weights")])
def test_no_other_attribute_is_taken(kind: Any, name: str, stages: Any, tmp_path: Path):
    torch.save({"zero_stage": ByName(kind or stages, name)}, tmp_path / "states.pt")
    with pytest.raises(RecordError, match="not what torch and DeepSpeed write"):
        load_tensors(tmp_path / "states.pt")
