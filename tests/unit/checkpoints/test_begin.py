"""Networks begin with another run's weights: whatever ZeRO stored them, as far as they fit, and without its code."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.shrink import SIDE, shrink, shrink_section
from tests.strange import poison, reseal
from trainer.checkpoints.begin import begin_from_origin, take_weights
from trainer.checkpoints.layout import EMA_FILE, STATE_FILE, folder_of, read_state, write_state
from trainer.checkpoints.progress import Progress, Standing
from trainer.checkpoints.source import find_origin
from trainer.checkpoints.store import Checkpoints
from trainer.config.errors import ConfigError
from trainer.config.method import MethodConfig, Task
from trainer.engine.average import MovingAverage
from trainer.engine.engine import Engine
from trainer.methods.base import Method
from trainer.methods.cogan.config import CoGANConfig
from trainer.methods.cyclegan.config import CycleGANConfig
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.registry import build_method
from trainer.presets import DEFAULT, load_preset
from trainer.ranks.world import init_world
from trainer.runs.config import RunConfig
from trainer.runs.rundir import RunDir

POSITION = 16
RGB = Task(channels_a=3, channels_b=3, side=SIDE)
GREY = replace(RGB, channels_a=1)


def config_of(method: MethodConfig, *, dataset: Path = Path("unused")) -> RunConfig:
    return shrink(replace(load_preset(DEFAULT), method=shrink_section(method)), dataset=dataset)


def method_of(method: MethodConfig, task: Task = RGB) -> Method:
    return build_method(config_of(method).method, task)


def networks_of(method: Method) -> dict[str, nn.Module]:
    return {name: network for player in method.players.values() for name, network in player.networks.items()}


def weights_of(method: Method) -> dict[str, Tensor]:
    """Copies, by network and name."""
    networks = networks_of(method).items()
    return {f"{name}.{key}": value.clone() for name, net in networks for key, value in net.state_dict().items()}


def save(folder: Path, method: Method, *, zero_stage: int = 0, recompute: bool = False) -> Path:
    """A checkpoint as training writes it."""
    config = config_of(Pix2PixConfig())
    world = init_world("cpu")
    engine = Engine(
        method,
        config=replace(config.engine, zero_stage=zero_stage, activation_checkpointing=recompute),
        optimizer=config.optimizer,
        batch_size_per_gpu=1,
        world=world,
    )
    with engine.gathered() as networks:
        average = MovingAverage(networks, half_life_kimg=0)
    checkpoints = Checkpoints(folder, engine=engine, average=average, keep=2, world=world)
    checkpoints.save(Progress(position=POSITION, step=4), rank_state={})
    checkpoints.close()
    return folder_of(folder, POSITION)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A checkpoint of pix2pix, to be copied, and its weights."""
    torch.manual_seed(1)
    method = method_of(Pix2PixConfig())
    weights = weights_of(method)
    return save(tmp_path_factory.mktemp("checkpoints"), method), weights


def begun(tmp_path: Path, dataset: Path, source: Path) -> RunDir:
    """A run that is to begin with the weights of a checkpoint."""
    run = RunDir(tmp_path / "begun")
    config = config_of(Pix2PixConfig(), dataset=dataset)
    run.create(config, preset=DEFAULT, command=[], origin=find_origin(source).to_record())
    return run


def begin(run: RunDir, method: Method) -> None:
    begin_from_origin(run, method, world=init_world("cpu"), to_console=True)


@pytest.mark.parametrize(("zero_stage", "recompute"), [(0, False), (1, False), (2, False), (3, False), (3, True)])
@pytest.mark.parametrize("config", [Pix2PixConfig(), CoGANConfig()], ids=["pix2pix", "cogan"])
def test_weights_are_those_that_were_saved(
    zero_stage: int, recompute: bool, config: MethodConfig, tiny_dataset: Path, tmp_path: Path
) -> None:
    """CoGAN's networks share layers."""
    torch.manual_seed(1)
    before = method_of(config)
    weights = weights_of(before)
    checkpoint = save(tmp_path / "checkpoints", before, zero_stage=zero_stage, recompute=recompute)
    run = begun(tmp_path, tiny_dataset, checkpoint)
    after = method_of(config)
    assert any(not torch.equal(weights[name], value) for name, value in weights_of(after).items())
    begin(run, after)
    for name, value in weights_of(after).items():
        assert torch.equal(weights[name], value), name
    origin = run.record()["from"]
    assert origin["position"] == POSITION
    assert (origin["num_taken"], origin["num_unused"], origin["fresh"]) == (len(weights), 0, {})


def test_what_has_another_shape_stays_fresh_and_is_told(
    saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, weights = saved
    run = begun(tmp_path, tiny_dataset, checkpoint)
    method = method_of(Pix2PixConfig(), GREY)
    fresh = weights_of(method)
    begin(run, method)
    record, output = run.record()["from"], capsys.readouterr().out.replace("\n", " ")
    now = weights_of(method)
    assert {name.partition(".")[0] for name in record["fresh"]} == {"generator", "discriminator"}
    for name, value in now.items():
        assert torch.equal(value, (fresh if name in record["fresh"] else weights)[name]), name
    for name, (here, there) in record["fresh"].items():
        assert (here[1], there[1]) in {(1, 3), (4, 6)}
        assert f"{name} is {' x '.join(map(str, here))} here, {' x '.join(map(str, there))} in it" in output
    assert f"{len(weights) - len(record['fresh'])} of {len(weights)} tensors" in output


def test_of_another_method_what_has_the_same_name(tmp_path: Path) -> None:
    there = weights_of(method_of(Pix2PixConfig()))
    method = method_of(CycleGANConfig())
    taken = take_weights(networks_of(method), there)
    assert taken.num_parameters == 0
    assert taken.num_unused == len(there)


def test_other_kinds_of_numbers_do_not_fit() -> None:
    network = nn.Linear(2, 1)
    stored = {"net.weight": torch.zeros(1, 2, dtype=torch.int64), "net.bias": torch.zeros(1, dtype=torch.float64)}
    taken = take_weights({"net": network}, stored | {"net.other": "text"})  # type: ignore[dict-item]
    assert (taken.num_taken, taken.num_unused, list(taken.fresh)) == (1, 2, ["net.weight"])


def test_nothing_that_fits_is_an_error(
    saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path
) -> None:
    run = begun(tmp_path, tiny_dataset, saved[0])
    with pytest.raises(ConfigError, match=r"from = .*fits nowhere"):
        begin(run, method_of(CycleGANConfig()))


def test_a_run_passed_on_without_its_players_gives_the_average(
    saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = shutil.copytree(saved[0], tmp_path / saved[0].name)
    for player in ("generator", "discriminator"):
        shutil.rmtree(checkpoint / player)
    run = begun(tmp_path, tiny_dataset, checkpoint)
    begin(run, method_of(Pix2PixConfig()))
    assert run.record()["from"]["averaged"] is True
    output = capsys.readouterr().out
    assert "averaged weights (it has no others)" in output
    assert "tensors of discriminator, which are not in it" in output


def test_code_in_a_checkpoint_is_not_run(
    saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(["generator/state/mp_rank_00_model_states.pt", EMA_FILE]):
        checkpoint = shutil.copytree(saved[0], tmp_path / str(number) / saved[0].name)
        if name == EMA_FILE:
            shutil.rmtree(checkpoint / "generator")
            shutil.rmtree(checkpoint / "discriminator")
        poison(checkpoint / name, tmp_path / "marker")
        reseal(checkpoint)
        run = begun(tmp_path / str(number), tiny_dataset, checkpoint)
        with pytest.raises(ConfigError, match=r"from = .*could run code"):
            begin(run, method_of(Pix2PixConfig()))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("content", [{}, {"module": 3}, {"module": {3: torch.zeros(1)}}, [1, 2], {"module": {"a": 1}}])
def test_other_content_is_an_error(
    content: object, saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path
) -> None:
    checkpoint = shutil.copytree(saved[0], tmp_path / saved[0].name)
    for player in ("generator", "discriminator"):
        torch.save(content, checkpoint / player / "state" / "mp_rank_00_model_states.pt")
    reseal(checkpoint)
    run = begun(tmp_path, tiny_dataset, checkpoint)
    with pytest.raises(ConfigError, match=r"^from = "):
        begin(run, method_of(Pix2PixConfig()))


def test_what_is_gone_is_needed_until_there_is_a_checkpoint(
    saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path
) -> None:
    checkpoint = shutil.copytree(saved[0], tmp_path / saved[0].name)
    run = begun(tmp_path, tiny_dataset, checkpoint)
    shutil.rmtree(checkpoint)
    method = method_of(Pix2PixConfig())
    with pytest.raises(ConfigError, match=r"from = .*no checkpoint of its own yet"):
        begin(run, method)
    shutil.copytree(saved[0], run.checkpoints / saved[0].name)
    fresh = weights_of(method)
    begin(run, method)
    assert all(torch.equal(fresh[name], value) for name, value in weights_of(method).items())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_checkpoint_is_refused_and_an_older_one_of_its_run_is_taken(
    saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(tmp_path / "source")
    run.create(config_of(Pix2PixConfig(), dataset=tiny_dataset), preset=DEFAULT, command=[])
    with pytest.raises(ConfigError, match="no complete checkpoint yet"):
        find_origin(run.path)
    older, newer = run.checkpoints / saved[0].name, run.checkpoints / "00000099"
    shutil.copytree(saved[0], older)
    shutil.copytree(saved[0], newer)  # of another position, by its name
    found = find_origin(run.path)
    assert (found.path, found.checkpoint, found.position) == (run.path, older, POSITION)
    assert found.dataset_sha256 == run.record()["dataset_sha256"]
    assert "00000099" in capsys.readouterr().err
    assert find_origin(older).dataset_sha256 == found.dataset_sha256
    flip(older / "generator" / "state" / "mp_rank_00_model_states.pt")
    for path in (older, run.path):
        with pytest.raises(ConfigError, match=r"from = .*is damaged"):
            find_origin(path)


def test_the_best_of_a_run_is_understood(
    saved: tuple[Path, dict[str, Tensor]], tiny_dataset: Path, tmp_path: Path
) -> None:
    run = RunDir(tmp_path / "source")
    best = run.checkpoints / "best"
    with pytest.raises(ConfigError, match=r"from = .*source is no run"):
        find_origin(best)
    run.create(config_of(Pix2PixConfig(), dataset=tiny_dataset), preset=DEFAULT, command=[])
    older, newer = run.checkpoints / saved[0].name, run.checkpoints / "00000099"
    shutil.copytree(saved[0], older)
    with pytest.raises(ConfigError, match=r"from = 'best': was not kept; .*keep_best"):
        find_origin(best)
    shutil.copytree(saved[0], newer)
    standing = Standing(score="eval/psnr", position=99, value=20.0, since=POSITION)
    write_state(newer, replace(read_state(older), position=99, standing=standing))
    found = find_origin(best)
    assert (found.checkpoint, found.position) == (older, POSITION)
    assert found.dataset_sha256 == run.record()["dataset_sha256"]
    assert find_origin(run.path).checkpoint == newer


@pytest.mark.parametrize("name", ["", "nowhere", "file"])
def test_what_is_no_run_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(STATE_FILE)
    with pytest.raises(ConfigError, match=r"from = .*is no run and no checkpoint"):
        find_origin(tmp_path / name)
