"""Progress on a terminal and in a log: names of classes and losses are text, whatever they hold."""

import io
from pathlib import Path

import pytest

from sharding.console import make_console
from trainer.monitoring.console import ConsoleLogger

METRICS = {
    "position": 4,
    "throughput/images_per_s": 2.0,
    "loss/generator/l1[/red]": 0.5,
    "eval/iou/sea[/blue]": 0.25,
    "eval/iou/\x1b]0;owned\x07\n9 images": 0.5,
}


@pytest.mark.parametrize("is_terminal", [True, False])
def test_names_are_text(is_terminal: bool):
    file = io.StringIO()
    logger = ConsoleLogger(
        total=8, position=0, console=make_console(file=file, force_terminal=is_terminal, width=200, color_system=None)
    )
    logger.log(METRICS)
    logger.picture(Path("runs/[final]/samples/00000004.png"), 0)
    logger.close()
    said = file.getvalue()
    assert "iou/sea[/blue] 0.25" in said
    assert "iou/␛]0;owned␇␊9 images 0.5" in said
    assert "G l1[/red] 0.500" in said
    assert "picture: runs/[final]/samples" in said
    assert "\x1b]" not in said
    assert "\x07" not in said


def test_players_are_called_as_in_papers_one_and_several():
    file = io.StringIO()
    logger = ConsoleLogger(total=8, position=0, console=make_console(file=file, width=200))
    players = ("generator", "generators", "discriminator", "discriminators", "encoder_discriminator")
    logger.log({"position": 8} | {f"loss/{player}/a/real": 0.5 for player in players})
    logger.close()
    shown = "G a/real 0.500  G a/real 0.500  D a/real 0.500  D a/real 0.500  encoder_discriminator/a/real 0.500"
    assert file.getvalue().strip().endswith(f"  {shown}")


def test_scores_have_one_line():
    file = io.StringIO()
    logger = ConsoleLogger(total=8, position=0, console=make_console(file=file))
    logger.log({"position": 8, "eval/psnr": 20.0, "time/save_stall_s": 0.1})
    logger.close()
    assert file.getvalue().split() == ["8", "images", "psnr", "20"]
