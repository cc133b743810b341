"""A checkpoint's translations are made once: other scores of it read them, and what differs is made anew."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from trainer.evaluation import kept_translations as module
from trainer.evaluation.evaluate import evaluate_run
from trainer.evaluation.judges.asked import Asked
from trainer.inference.translator import Translator
from trainer.inference.usage import Usage
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.rundir import RunDir

CPU = torch.device("cpu")


@pytest.fixture
def opened(tiny_run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenRun:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    return open_run(tiny_run)


@pytest.fixture
def translated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each image that a network translates."""
    seen: list[int] = []
    translate = Translator.translate

    def count(translator: Translator, image: Tensor) -> Tensor:
        seen.extend([1] * len(image))
        return translate(translator, image)

    monkeypatch.setattr(Translator, "translate", count)
    return seen


def evaluate(opened: OpenRun, **wanted: object) -> dict[str, float]:
    return evaluate_run(opened, device=CPU, console=Console(quiet=True), **wanted)  # pyright: ignore


def test_another_score_of_a_checkpoint_translates_nothing(opened: OpenRun, translated: list[int]) -> None:
    first = evaluate(opened)
    assert len(translated) == 3
    assert evaluate(opened) == first
    more = evaluate(opened, asked=Asked(metric=("tests.unit.evaluation.test_kept_translations:mean_error",)))
    assert len(translated) == 3
    assert first.items() < more.items()


def mean_error(fake: Tensor, real: Tensor) -> float:
    """A score of one's own."""
    return float(abs(fake.astype(float) - real).mean())  # pyright: ignore


def test_other_networks_use_splits_seeds_and_code_are_translated_anew(
    opened: OpenRun, translated: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(opened)
    evaluate(opened, usage=Usage(dropout="off"))
    assert len(translated) == 6
    evaluate(opened, split="val")
    assert len(translated) == 10
    evaluate(replace(opened, config=replace(opened.config, train=replace(opened.config.train, seed=7))))
    assert len(translated) == 13
    monkeypatch.setattr(module, "_code_digest", lambda: "of another version")
    evaluate(opened)
    assert len(translated) == 16


def test_what_is_too_large_or_damaged_is_made_anew(
    opened: OpenRun, translated: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate(opened)
    for path in (path for path in (tmp_path / "cache").iterdir() if len(path.name) == 64):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert evaluate(opened) == first
    assert len(translated) == 6
    monkeypatch.setattr(module, "MOST_BYTES", 3 * 3 * 32 * 32 - 1)
    assert evaluate(opened) == first
    assert len(translated) == 9
