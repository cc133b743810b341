"""Compiled extensions have one home, whoever asks, and an abandoned lock does not stop anyone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import trainer.engine.extensions
from launch.machine.build_ops import OP
from trainer.engine.extensions import extensions_dir, use_extensions

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
    lock = use_extensions() / OP / "lock"
    assert (lock.parent / f"{OP}.so").is_file(), "the op is compiled by `make setup`: run it"
    lock.touch()
    command = [sys.executable, "-m", "launch.machine.build_ops"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert "is ready" in done.stdout
