"""Compiled extensions have one home, whoever asks, and an abandoned lock does not stop anyone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import trainer.engine.extensions
from tests.unprivileged import run_unprivileged, shared_folder
from trainer.engine.compiled_op import is_made_for_this, note_made_for_this
from trainer.engine.extensions import COMMUNICATION_OP, extensions_dir, use_extensions

ROOT = Path(__file__).resolve().parents[3]


def test_the_users_choice_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    assert extensions_dir() == tmp_path


def test_a_checkout_keeps_them_beside_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_EXTENSIONS_DIR")
    assert extensions_dir() == ROOT / ".cache" / "torch_extensions"


def test_an_installed_package_uses_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TORCH_EXTENSIONS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(trainer.engine.extensions, "__file__", str(tmp_path / "site-packages/trainer/extensions.py"))
    assert extensions_dir() == tmp_path / "cache" / "diptych" / "torch_extensions"


def test_the_environments_own_ninja_is_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    use_extensions()
    use_extensions()
    assert os.environ["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"


def test_an_abandoned_lock_does_not_block_the_build() -> None:
    """torch before 2.14 waited for ever for a file that a killed build had left."""
    lock = use_extensions() / COMMUNICATION_OP / "lock"
    assert (lock.parent / f"{COMMUNICATION_OP}.so").is_file(), "the op is compiled by `make setup`: run it"
    lock.touch()
    command = [sys.executable, "-m", "launch.machine.build_ops"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert "is ready" in done.stdout


LOAD = """
from trainer.engine.compiled_op import load_op
from trainer.engine.extensions import use_extensions

load_op(use_extensions())
"""
START = """
import sys
import torch
from trainer.config.engine import EngineConfig
from trainer.data.batch import Batch
from trainer.config.method import Task
from trainer.config.networks import GeneratorConfig, PatchGANConfig
from trainer.config.optimizer import OptimizerConfig
from trainer.engine.engine import Engine
from trainer.methods.pix2pix.config import Pix2PixConfig
from trainer.methods.registry import build_method
from trainer.ranks.world import init_world

world = init_world("cpu")
config = Pix2PixConfig(
    generator=GeneratorConfig(num_filters=4, num_downs=4), discriminator=PatchGANConfig(num_filters=4, num_layers=2)
)
pixels = torch.zeros(1, 3, 32, 32)
for stage in (0, 1, 2):
    method = build_method(config, Task(channels_a=3, channels_b=3, side=32))
    engine_config = EngineConfig(zero_stage=stage)
    engine = Engine(method, config=engine_config, optimizer=OptimizerConfig(), batch_size_per_gpu=1, world=world)
    engine.train_step(Batch(a=pixels, b=pixels, index=torch.zeros(1, dtype=torch.int64), keys=["x"]), step=0)
import deepspeed
unneeded = {"torch._dynamo", "torch._inductor", "torch.utils.cpp_extension", "sympy", "distutils"}
if not torch.cuda.is_available():
    unneeded.add("triton")
print(sorted(unneeded & {*sys.modules}), {torch.compile.__module__, torch.compiler.disable.__module__})
print(deepspeed.comm.comm.cdb.shm_comm_op.__file__)
"""


def test_a_read_only_installation_starts_with_the_op_that_is_there() -> None:
    with shared_folder() as folder:
        library = folder / "installed" / COMMUNICATION_OP / f"{COMMUNICATION_OP}.so"
        library.parent.mkdir(parents=True)
        shutil.copy(use_extensions() / COMMUNICATION_OP / library.name, library)
        done = run_unprivileged("-c", START, cwd=folder, TORCH_EXTENSIONS_DIR=str(folder / "installed"))
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-2].startswith("[] {'torch"), "the compiler, which takes seconds to load"
        assert done.stdout.splitlines()[-1] == str(library)
        assert [path.name for path in library.parent.iterdir()] == [library.name]


def test_zero_3_starts_without_the_compiler_too() -> None:
    program = START.replace("(0, 1, 2)", "(3,)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2].startswith("[] {'torch")


def test_an_op_is_loaded_as_it_is_only_by_the_versions_that_it_was_made_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "op.so"
    assert not is_made_for_this(library)
    library.write_bytes(b"machine code")
    assert not is_made_for_this(library)  # a former version's, which noted nothing
    note_made_for_this(library)
    assert is_made_for_this(library)
    library.write_bytes(b"half of it")
    assert not is_made_for_this(library)
    note_made_for_this(library)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.99")
    assert not is_made_for_this(library)


@pytest.mark.parametrize(("content", "told"), [(None, "is not compiled there"), (b"of another torch", "does not load")])
def test_an_op_that_cannot_be_had_is_told(content: bytes | None, told: str) -> None:
    with shared_folder() as folder:
        library = folder / "installed" / COMMUNICATION_OP / f"{COMMUNICATION_OP}.so"
        library.parent.mkdir(parents=True)
        if content is not None:
            library.write_bytes(content)
        done = run_unprivileged("-c", LOAD, cwd=folder, TORCH_EXTENSIONS_DIR=str(folder / "installed"))
    assert told in done.stderr
    assert "set the variable to one that can be" in done.stderr


def test_an_installation_that_cannot_be_written_to_uses_the_users_cache() -> None:
    """Nothing is compiled in the checkout of the test, which the other user cannot write."""
    with shared_folder() as folder:
        checkout = folder / "checkout"
        checkout.mkdir()
        (checkout / "pyproject.toml").touch()
        code = (
            "import trainer.engine.extensions as extensions\n"
            f"extensions.__file__ = {str(checkout / 'trainer' / 'engine' / 'extensions.py')!r}\n"
            "print(extensions.extensions_dir())"
        )
        for variables, place in (
            ({"HOME": "/home/ada"}, "/home/ada/.cache/diptych/torch_extensions"),
            ({}, f"{checkout}/.cache/torch_extensions"),  # nowhere else to go: told when it is wanted
        ):
            done = run_unprivileged("-c", code, cwd=folder, TORCH_EXTENSIONS_DIR="", **variables)
            assert done.stdout.strip() == place, done.stderr
