"""What all tests share. The environment is set before anything imports torch, deepspeed or wandb."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.engine.extensions import use_extensions

use_extensions()
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("OMP_NUM_THREADS", "2")  # losses depend on it in the last digits: equal on every machine
# Wider vectors add in another order: with these, processors with and without AVX-512 give the same losses to the bit.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
os.environ.setdefault("MKL_ENABLE_INSTRUCTIONS", "AVX2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve the ranks and servers of a test
if not Path("/dev/nvidiactl").exists():  # asked without torch, whose import would slow every small test down
    os.environ.setdefault("DS_ACCELERATOR", "cpu")


# A shell starts what runs behind a `&` with SIGINT ignored, and `nohup` with SIGHUP: the commands under test would
# inherit that, and keep it, as they promise.
for ignored in (number for number in signal.Signals if signal.getsignal(number) is signal.SIG_IGN):
    if ignored not in (signal.SIGPIPE, signal.SIGXFSZ):  # Python's own
        signal.signal(ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL)

NUM_TINY_PAIRS = 24


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="record golden files anew instead of comparing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _has_gpu():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs keep on their machine is not kept in the cache of whoever tests, nor found there."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DIPTYCH_CACHE", str(tmp_path_factory.mktemp("machine") / "cache"))
        yield


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return request.config.getoption("--update-golden")


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 textured pairs of 64 px, sharded in three splits. Read it, never write.

    Views `a` and `b`; labels `character` (A, B, C) and, in order, `weight` (1, 2, 3, 4).
    """
    from sharding.cli import main
    from tests.pairs import write_labels, write_pairs

    folder = tmp_path_factory.mktemp("tiny")
    write_pairs(folder / "pairs", num_pairs=NUM_TINY_PAIRS, size=64)
    write_labels(folder / "labels.csv", num_pairs=NUM_TINY_PAIRS)
    command = ["pairs", "--folder", str(folder / "pairs"), "--out", str(folder / "shards"), "--size", "64"]
    assert main([*command, "--labels", f"csv:{folder / 'labels.csv'}", "--ordinal", "weight"]) == 0
    return folder / "shards"
