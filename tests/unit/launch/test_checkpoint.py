"""`diptych checkpoint ls|verify|prune|export RUN`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from launch.cli import main
from tests.tiny_run import POSITION
from trainer.checkpoints.layout import EMA_FILE, folder_of, read_state, write_state
from trainer.checkpoints.progress import Standing
from trainer.runs.rundir import RunDir

Said = pytest.CaptureFixture[str]

OLD, BEST, DAMAGED, NEW = 100, 200, 300, POSITION


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def run(tiny_run: RunDir) -> RunDir:
    """With four checkpoints: an old one, the best, a damaged one of the right size, and the newest."""
    newest = folder_of(tiny_run.checkpoints, NEW)
    standing = Standing(score="eval/psnr", position=NEW, value=20.0, since=BEST)
    for position in (OLD, BEST, DAMAGED, NEW):
        folder = folder_of(tiny_run.checkpoints, position)
        if position != NEW:
            shutil.copytree(newest, folder)
        write_state(folder, replace(read_state(newest), position=position, standing=standing))
    flip(folder_of(tiny_run.checkpoints, DAMAGED) / EMA_FILE)
    return tiny_run


def names(run: RunDir) -> list[int]:
    return sorted(int(path.name) for path in run.checkpoints.iterdir())


def rows(said: str) -> dict[int, str]:
    """Of the table, by position."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if line.startswith("│")]
    return {int(row[0]): " | ".join(row) for row in cells}


def test_a_list_tells_what_there_is(run: RunDir, capsys: Said, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["checkpoint", "ls", str(run.path)]) == 0
    found = rows(capsys.readouterr().out)
    assert list(found) == [OLD, BEST, DAMAGED, NEW]
    assert found[NEW].endswith("| 1 | 0 | newest | complete")
    assert found[BEST].endswith("| best | complete")
    assert found[DAMAGED].endswith("| complete"), "its size is right"
    assert main(["checkpoint", "ls", str(run.path), "--check"]) == 0
    found = rows(capsys.readouterr().out)
    assert found[NEW].endswith("| newest | whole")
    assert "damaged: ema.pt has changed since it was written" in found[DAMAGED]


def test_a_shortened_file_is_seen_without_reading(run: RunDir, capsys: Said, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    with (folder_of(run.checkpoints, NEW) / EMA_FILE).open("r+b") as file:
        file.truncate(100)
    assert main(["checkpoint", "ls", str(run.path)]) == 0
    found = rows(capsys.readouterr().out)
    assert "damaged: ema.pt has 100 bytes" in found[NEW]
    assert "newest" in found[DAMAGED]


def test_verify_reads_all_and_fails_for_damage(run: RunDir, capsys: Said):
    assert main(["checkpoint", "verify", str(run.path)]) == 1
    said = capsys.readouterr().out
    assert "4 checkpoints, 1 damaged." in said
    assert f"{DAMAGED:08d}: damaged: ema.pt has changed" in said.replace("\n", "")
    shutil.rmtree(folder_of(run.checkpoints, DAMAGED))
    assert main(["checkpoint", "verify", str(run.path)]) == 0


@pytest.mark.parametrize("command", [["ls"], ["verify"], ["prune", "--keep", "1"], ["export", "--out", "x"]])
def test_no_run_is_wrong_usage(command: list[str], tmp_path: Path, capsys: Said):
    assert main(["checkpoint", command[0], str(tmp_path / "none"), *command[1:]]) == 2
    assert "holds no run.json" in capsys.readouterr().err


def test_pruning_keeps_the_newest_whole_ones_and_the_best(run: RunDir, capsys: Said):
    assert main(["checkpoint", "prune", str(run.path), "--keep", "1", "--dry-run"]) == 0
    assert "would remove" in capsys.readouterr().out
    assert names(run) == [OLD, BEST, DAMAGED, NEW]
    assert main(["checkpoint", "prune", str(run.path), "--keep", "1"]) == 0
    assert names(run) == [BEST, DAMAGED, NEW] or names(run) == [BEST, NEW]
    assert OLD not in names(run)


def test_what_looks_whole_and_is_damaged_is_not_counted(run: RunDir, capsys: Said):
    """The newest is damaged in its content: the one before it must not go for it."""
    flip(folder_of(run.checkpoints, NEW) / EMA_FILE)
    assert main(["checkpoint", "prune", str(run.path), "--keep", "1"]) == 0
    assert names(run) == [BEST, DAMAGED, NEW]
    said = capsys.readouterr().out
    assert said.count("left as it is") == 2
    for position in (OLD, BEST, DAMAGED, NEW):
        if (file := folder_of(run.checkpoints, position) / EMA_FILE).exists():
            file.unlink()
    assert main(["checkpoint", "prune", str(run.path), "--keep", "1"]) == 0
    assert "none is whole: nothing is removed" in capsys.readouterr().out


def test_nothing_is_pruned_while_the_run_is_trained(run: RunDir, capsys: Said):
    with run.only_process():
        assert main(["checkpoint", "prune", str(run.path), "--keep", "1"]) == 2
    assert "is in use by process" in capsys.readouterr().err
    assert names(run) == [OLD, BEST, DAMAGED, NEW]
    assert main(["checkpoint", "prune", str(run.path), "--keep", "0"]) == 2


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """As the format's description says."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8:end])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, stop = (end + offset for offset in entry["data_offsets"])
        kind = {"F32": torch.float32, "I64": torch.int64}[entry["dtype"]]
        tensors[name] = torch.frombuffer(bytearray(content[begin:stop]), dtype=kind).reshape(entry["shape"])
    assert end % 8 == 0
    return tensors, metadata


def translated(run: RunDir, tensors: dict[str, Tensor] | None) -> Tensor:
    """What a run makes of a picture: by its own reader, or with networks built from run.json and given weights."""
    from trainer.engine.average import MovingAverage
    from trainer.inference.translator import averaged_translator, load_translator
    from trainer.methods.registry import build_method
    from trainer.runs.opened import open_run
    from trainer.runs.task import resolve_task

    opened, device = open_run(run), torch.device("cpu")
    if tensors is None:
        translator, _ = load_translator(opened, device=device, checkpoint=folder_of(run.checkpoints, NEW))
    else:
        method = build_method(opened.config.method, resolve_task(opened.subject))
        network = method.players["generator"].networks["generator"]
        network.load_state_dict(tensors)
        average = MovingAverage({"generator": network}, half_life_kimg=0)
        translator = averaged_translator(method, average, config=opened.config, device=device)
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    torch.manual_seed(0)
    return translator.translate(picture)


@pytest.mark.parametrize("kind", ["safetensors", "torch"])
def test_an_export_translates_to_equal_pixels(kind: str, run: RunDir, tmp_path: Path, capsys: Said):
    out = tmp_path / "exported"
    assert main(["checkpoint", "export", str(run.path), "--out", str(out), "--format", kind]) == 0
    if kind == "safetensors":
        tensors, told = read_safetensors(out / "generator.safetensors")
    else:
        tensors = torch.load(out / "generator.pt", weights_only=True)
        told = json.loads((out / "generator.json").read_text())
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["generator.safetensors"] if kind == "safetensors" else ["generator.pt", "generator.json"]
    )
    assert torch.equal(translated(run, tensors), translated(run, None))
    assert told["method"] == "pix2pix"
    assert (told["preset"], told["weights"], told["position"]) == ("tiny-preset", "averaged", str(NEW))
    assert json.loads(told["views"])["photo"]["value_range"] == [0.0, 255.0]
    assert json.loads(told["config"])["method"]["name"] == "pix2pix"


def test_the_library_reads_the_export(run: RunDir, tmp_path: Path):
    library = pytest.importorskip("safetensors.torch", reason="needs safetensors, which Diptych does without")
    out = tmp_path / "one.safetensors"
    assert main(["checkpoint", "export", str(run.path), "--out", str(out)]) == 0
    expected, _ = read_safetensors(out)
    found = library.load_file(out)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--networks", "painter"], "has no such network; it has: generator"),
        (["--weights", "trained"], "passed on without the networks as they were trained"),
    ],
)
def test_what_cannot_be_exported_is_told(options: list[str], said: str, run: RunDir, tmp_path: Path, capsys: Said):
    out = tmp_path / "exported"
    assert main(["checkpoint", "export", str(run.path), "--out", str(out), *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


@pytest.mark.parametrize("name", ["../../generator", "", "a/b", "."])
def test_a_strangers_names_lead_nowhere(name: str, run: RunDir, tmp_path: Path, capsys: Said):
    from trainer.checkpoints.layout import describe_file

    folder = folder_of(run.checkpoints, NEW)
    state = read_state(folder)
    torch.save({name: {"weight": torch.ones(2)}}, folder / EMA_FILE)
    write_state(folder, replace(state, files={EMA_FILE: describe_file(folder / EMA_FILE)}))
    assert main(["checkpoint", "export", str(run.path), "--out", str(tmp_path / "out" / "there")]) == 2
    assert "is no name of a network" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
