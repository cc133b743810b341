"""A run from a stranger, or from a failing disk: no command runs what it brings, follows its links or uses damage."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

import launch.arguments
import launch.ways.here
import sweeps.tables.run
import trainer.loop.session
from launch.cli import main
from tests.shrink import shrink
from tests.strange import Touches, poison, reseal
from tests.unit.labelled import config_of, write_run
from trainer import main as rank
from trainer.checkpoints.layout import read_state
from trainer.config.checkpoint import CheckpointConfig
from trainer.config.latent import DecoderConfig, DiscriminatorConfig
from trainer.config.train import TrainConfig
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.gan.config import GANConfig
from trainer.monitoring.metrics_file import read_metrics
from trainer.presets import DEFAULT, load_preset
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

TABLE = "pix2pix-losses"
ROW = "pix2pix-losses-l1"
OLDER, NEWER = "00000008", "00000016"


@pytest.fixture(scope="module")
def config(tiny_dataset: Path) -> RunConfig:
    """A method with pools, and ZeRO 1: with all kinds of files that checkpoints have."""
    preset = load_preset(DEFAULT)
    small = shrink(replace(preset, method=CycleGANConfig()), dataset=tiny_dataset)
    return replace(
        small,
        train=TrainConfig(batch_size_per_gpu=4, total_kimg=0.016),
        engine=replace(small.engine, zero_stage=1),
        checkpoint=CheckpointConfig(period_kimg=0.008, keep=2),
    )


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    """Ranks run here, one run after the other: DeepSpeed cannot leave its process group and join another."""
    with (
        patch.object(trainer.loop.session, "close_world"),
        patch.object(launch.ways.here, "start_ranks", lambda folder, **_: rank.main(folder)),
    ):
        yield


@pytest.fixture(scope="module")
def trained(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """After 16 images, with a checkpoint in the middle. To be copied."""
    run = RunDir(tmp_path_factory.mktemp("runs") / "whole")
    run.create(config, preset=DEFAULT, command=["diptych"])
    assert rank.main(run.path) == 0
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [OLDER, NEWER]
    return run


@pytest.fixture
def received(trained: RunDir, tmp_path: Path) -> RunDir:
    """A copy in the place where `table` looks for one of its rows, not scored yet."""
    run = RunDir(tmp_path / "runs" / TABLE / ROW)
    shutil.copytree(trained.path, run.path)
    run.evaluation_file.unlink()
    return run


def resume(run: RunDir, tmp_path: Path) -> int:
    return main(["train", "--resume", str(run.path)])


def evaluate(run: RunDir, tmp_path: Path) -> int:
    return main(["evaluate", str(run.path)])


def translate(run: RunDir, tmp_path: Path) -> int:
    pictures = tmp_path / "pictures"
    pictures.mkdir(exist_ok=True)
    shutil.copy(sorted(run.samples.parent.glob("samples/*.png"))[0], pictures / "x.png")
    return main(["translate", str(run.path), "--in", str(pictures), "--out", str(tmp_path / "out")])


def continue_by_launch(run: RunDir, tmp_path: Path) -> int:
    return main(["launch", ROW, "--runs", str(run.path.parent)])


def continue_by_table(run: RunDir, tmp_path: Path) -> int:
    return main(["table", TABLE, "--runs", str(tmp_path / "runs")])


def begin_from(run: RunDir, tmp_path: Path) -> int:
    return main(["train", ROW, "--from", str(run.path), "--name", "next", "--runs", str(tmp_path / "next")])


def export(run: RunDir, tmp_path: Path) -> int:
    return main(["checkpoint", "export", str(run.path), "--out", str(tmp_path / "out")])


def export_as_trained(run: RunDir, tmp_path: Path) -> int:
    where = ["--out", str(tmp_path / "out"), "--format", "torch", "--weights", "trained"]
    return main(["checkpoint", "export", str(run.path), *where])


def export_to_hub(run: RunDir, tmp_path: Path) -> int:
    return main(["export", str(run.path), "--format", "hub", "--out", str(tmp_path / "out")])


COMMANDS = (resume, evaluate, translate, continue_by_launch, continue_by_table)
Command = Callable[[RunDir, Path], int]


@pytest.fixture(autouse=True)
def presets(monkeypatch: pytest.MonkeyPatch, config: RunConfig) -> None:
    """Let the row's preset be the small configuration, and what `table` starts run here; new rows are left out."""

    def run(command: list[str]) -> int:
        return main(command[3:]) if "--resume" in command else 0

    monkeypatch.setattr(launch.arguments, "load_preset", lambda name: config)
    monkeypatch.setattr(sweeps.tables.run, "load_preset", lambda name: config)
    monkeypatch.setattr(sweeps.tables.run, "run_to_end", run)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_what_a_checkpoint_brings(
    command: Command, received: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    marker = tmp_path / "marker"
    for checkpoint in (OLDER, NEWER):
        files = sorted((received.checkpoints / checkpoint).rglob("*.pt"))
        assert {path.name for path in files} >= {"ema.pt", "pools-0000.pt", "mp_rank_00_model_states.pt"}
        assert len(files) == 6
        for path in files:
            poison(path, marker)
        reseal(received.checkpoints / checkpoint)
    status = command(received, tmp_path)
    assert not marker.exists()
    assert status != 0
    said = "".join(capfd.readouterr())
    assert "Traceback" not in said
    assert f"{received.checkpoints / NEWER / 'ema.pt'} is not what torch and DeepSpeed write" in said
    assert f"Delete {received.checkpoints / NEWER} to fall back" in said or "Delete it to fall back" in said


@pytest.mark.parametrize("place", range(6))
def test_a_resume_runs_none_of_a_checkpoints_files(place: int, received: RunDir, tmp_path: Path, capfd):
    path = sorted((received.checkpoints / NEWER).rglob("*.pt"))[place]
    poison(path, tmp_path / "marker")
    reseal(received.checkpoints / NEWER)
    status = resume(received, tmp_path)
    assert not (tmp_path / "marker").exists()
    assert status == 1
    assert f"{path} is not what torch and DeepSpeed write" in "".join(capfd.readouterr())


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("command", [begin_from, export, export_as_trained, export_to_hub])
def test_taking_weights_runs_none_of_a_checkpoints_files(
    command: Command, place: int, received: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    """A file that the command does not read is no obstacle."""
    path = sorted((received.checkpoints / NEWER).rglob("*.pt"))[place]
    poison(path, tmp_path / "marker")
    reseal(received.checkpoints / NEWER)
    status = command(received, tmp_path)
    assert not (tmp_path / "marker").exists()
    is_read = path.name == "ema.pt" if command in (export, export_to_hub) else path.name == "mp_rank_00_model_states.pt"
    said = "".join(capfd.readouterr())
    assert status == (2 if is_read else 0), said
    assert (f"{path} is not what torch and DeepSpeed write" in said) == is_read


def test_looking_at_checkpoints_runs_nothing(received: RunDir, tmp_path: Path):
    """Their bytes are read, and none of them is made an object."""
    for path in received.checkpoints.rglob("*.pt"):
        poison(path, tmp_path / "marker")
    for checkpoint in (OLDER, NEWER):
        reseal(received.checkpoints / checkpoint)
    for command in (["verify"], ["ls", "--check"], ["prune", "--keep", "1"]):
        assert main(["checkpoint", command[0], str(received.path), *command[1:]]) == 0
    assert main(["verify", str(received.path)]) == 0
    assert not (tmp_path / "marker").exists()


def test_sampling_runs_nothing(labelled_dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    method = GANConfig(generator=DecoderConfig(num_filters=2), discriminator=DiscriminatorConfig(num_filters=2))
    run = write_run(RunDir(tmp_path / "run"), config_of(labelled_dataset, method))
    (ema,) = run.checkpoints.glob("*/ema.pt")
    poison(ema, tmp_path / "marker")
    reseal(ema.parent)
    assert main(["sample", str(run.path), "--out", str(tmp_path / "out"), "--num", "1"]) == 2
    assert not (tmp_path / "marker").exists()
    assert f"{ema} is not what torch and DeepSpeed write" in capfd.readouterr().err


RECORDS = {
    "run.json": COMMANDS,
    "metrics.jsonl": (resume, evaluate),
    "evaluation.json": (evaluate, continue_by_launch, continue_by_table),
    f"checkpoints/{NEWER}/state.json": (resume, evaluate, translate),
}


@pytest.mark.parametrize(
    ("name", "command"), [(name, command) for name, commands in RECORDS.items() for command in commands]
)
def test_no_command_runs_what_a_record_brings(
    name: str, command: Command, received: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    poison(received.path / name, tmp_path / "marker")
    if name == "metrics.jsonl":
        (received.path / name).write_bytes((received.path / name).read_bytes() + b"\n")
    command(received, tmp_path)
    assert not (tmp_path / "marker").exists()
    said = "".join(capfd.readouterr())
    assert "Traceback" not in said
    assert Path(name).name in said


def flip(path: Path) -> None:
    """The lowest bit of the byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("command", [evaluate, translate])
def test_a_flipped_bit_of_the_averaged_weights_is_noticed_and_an_older_checkpoint_used(
    command: Command, received: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    flip(received.checkpoints / NEWER / "ema.pt")
    assert command(received, tmp_path) == 0
    said = capfd.readouterr()
    assert f"{NEWER} is damaged: ema.pt has changed since it was written" in said.err
    assert f"{received.checkpoints / OLDER} is used instead" in said.err
    assert "after 8 images" in said.out


def test_a_resume_goes_on_from_the_older_checkpoint_and_mends_the_newer(
    received: RunDir, trained: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    part = next((received.checkpoints / NEWER).rglob("zero_pp_rank_0*.pt"))
    flip(part)
    assert resume(received, tmp_path) == 0
    said = capfd.readouterr().err
    assert f"{part.name} has changed since it was written: its checksum does not fit" in said
    assert f"{received.checkpoints / OLDER} is used instead" in said
    assert main(["verify", str(received.path)]) == 0
    for run in (received, trained):
        assert [line["position"] for line in read_metrics(run.metrics_file)][-1] == 16
    losses = [
        {key: value for key, value in line.items() if key.startswith("loss/")}
        for run in (received, trained)
        for line in read_metrics(run.metrics_file)[-1:]
    ]
    assert losses[0] == losses[1], "resumed from the older one, exactly"


def test_none_whole_is_an_error_that_names_each(received: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    flip(received.checkpoints / NEWER / "ema.pt")
    (received.checkpoints / OLDER / "state.json").unlink()
    before = received.metrics_file.read_bytes()
    for command, status in ((resume, 1), (evaluate, 2)):
        assert command(received, tmp_path) == status
        said = "".join(capfd.readouterr())
        assert "no complete checkpoint is left" in said
        assert f"{NEWER} is damaged: ema.pt has changed" in said
        assert f"{OLDER} is damaged: it holds no state.json" in said
    assert received.metrics_file.read_bytes() == before


def test_a_checkpoint_without_checksums_is_used_and_that_is_said(
    received: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    folder = received.checkpoints / NEWER
    state = read_state(folder)
    record = {"position": 16, "step": state.step, "world_size": 1, "ranks": state.ranks}
    (folder / "state.json").write_text(json.dumps(record))  # as earlier versions wrote it
    assert resume(received, tmp_path) == 0
    assert capfd.readouterr().err.count(f"{folder} was written without checksums") == 1
    assert main(["verify", str(received.path)]) == 0
    assert f"note: {folder} was written without checksums" in capfd.readouterr().out


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """What the user would not lose; some of it looks like old checkpoints."""
    folder = tmp_path / "photos"
    for name in ("00000002", "00000004"):
        (folder / name).mkdir(parents=True)
        (folder / name / "wedding.jpg").write_text("irreplaceable")
        (folder / name / "state.json").write_text("{}")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["checkpoints", "samples", "wandb", "checkpoints/00000004"])
@pytest.mark.parametrize("command", [resume, evaluate])
def test_a_link_in_a_run_lets_nothing_be_removed_or_written_elsewhere(
    name: str, command: Command, received: RunDir, photos: Path, capfd: pytest.CaptureFixture[str]
):
    shutil.rmtree(received.checkpoints / NEWER)  # so that there is something to do, and old checkpoints to remove
    if name == "checkpoints":
        (received.checkpoints / OLDER).rename(photos / OLDER)
    link, before = received.path / name, content(photos)
    if link.is_dir():
        shutil.rmtree(link)
    link.symlink_to(photos)
    status = command(received, photos.parent)
    assert content(photos) == before
    assert status in (1, 2)
    assert f"{link} is a link to {photos}, which is not followed" in "".join(capfd.readouterr()).replace("\n", "")


def test_links_at_temporary_names_are_not_followed(received: RunDir, photos: Path, tmp_path: Path):
    shutil.rmtree(received.checkpoints / NEWER)
    before = content(photos)
    for name in (f".{NEWER}.tmp", f".{OLDER}.tmp"):
        (received.checkpoints / name).symlink_to(photos)
    assert resume(received, tmp_path) == 0
    assert content(photos) == before
    assert (received.checkpoints / NEWER / "state.json").is_file()


@pytest.mark.parametrize("name", ["wandb/settings", ".wandb"])
def test_a_run_does_not_choose_the_server_that_gets_the_users_key(name: str, received: RunDir, tmp_path: Path, capfd):
    path = received.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("[default]\nbase_url = http://127.0.0.1:9\n")
    assert resume(received, tmp_path) == 2
    assert "would tell W&B where to send your key" in "".join(capfd.readouterr())


def test_a_touch_is_what_a_pickle_would_do(tmp_path: Path):
    """The payload works, where it is unpickled."""
    import pickle

    pickle.loads(pickle.dumps(Touches(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()
