"""`diptych evaluate RUN`: score a run on held-out images, beside two baselines."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.label_images import LabelImages, score_label_images
from launch.machine.devices import Device, choose_device
from sharding.bars import progress_bars
from sharding.console import make_console
from trainer.checkpoints.given import require_given
from trainer.config.data import DataPlace
from trainer.config.encoders import EncoderName, require_file
from trainer.config.errors import ConfigError
from trainer.data.subject import check_scored
from trainer.evaluation.judges.asked import NOTHING, Asked
from trainer.inference.usage import AS_THE_METHOD, Usage
from trainer.monitoring.evaluated import Evaluated
from trainer.ranks.collector import collector_paused
from trainer.runs.opened import OpenRun, open_run
from trainer.runs.rundir import RunDir

RUN = LabelImages()
"""No images: a run is scored."""


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Score a run on a split of its data set, beside the constant mean image and the identity."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of the run, e.g. runs/NAME; with --labels, of label images that were made by whatever."""
    split: str | None = None
    """Split of the data set: train, val or test; train:held-out is what training left out to be watched. Unless given:
    the one whose scores end a run, which is test, where there is one."""
    checkpoint: Path | None = None
    """A folder in RUN/checkpoints, or best (see checkpoint.keep-best of `diptych train`); the newest if not given."""
    data_path: Annotated[DataPlace | None, tyro.conf.arg(name="data.path")] = None
    """Where the run's data set lies now, if it was moved."""
    encoder: EncoderName | Literal["none"] | None = None
    """Network by whose features sets of images are compared; evaluate.encoder of the run if not given."""
    encoder_weights: Path | None = None
    """File with the weights of an encoder that needs one (docs/scores.md); that of the run if not given."""
    wandb: bool = False
    """Tell W&B the scores, the worst and best images and which checkpoint they are of, as a run of its own beside the
    training; where and whether online, run.json's `log` says."""
    device: Device = "auto"
    """`auto`: a GPU if there is one."""
    usage: Annotated[Usage, tyro.conf.arg(name="")] = AS_THE_METHOD
    asked: Annotated[Asked, tyro.conf.arg(name="")] = NOTHING
    images: Annotated[LabelImages, tyro.conf.arg(name="")] = RUN


def main(argv: list[str]) -> int:
    """Score a run, and write its report. Returns the exit status. Raises as `evaluate`."""
    return evaluate(tyro.cli(EvaluateOptions, args=argv, prog="diptych evaluate"))


def evaluate(options: EvaluateOptions) -> int:
    """Returns the exit status. Raises ConfigError or DatasetError with a message for the user."""
    if options.images != RUN:
        return _score_images(options)
    opened = open_run(RunDir(options.run), data_path=options.data_path)  # mistakes are answered before torch is loaded
    require_given(options.checkpoint, checkpoints=opened.run.checkpoints)
    check_scored(opened.subject, options.split or opened.subject.final_split)
    options.asked.check(opened.subject)
    wanted = opened.config.evaluate.asked_for(options.encoder, options.encoder_weights)
    require_file(wanted.encoder_weights, field="encoder_weights")
    with collector_paused():
        from trainer.evaluation.evaluate import evaluate_run
        from trainer.reports.page import check_report, write_report

    check_report(opened.run)
    with progress_bars(console := make_console()) as new_bar:
        evaluate_run(
            opened,
            split=options.split,
            device=choose_device(options.device),
            checkpoint=options.checkpoint,
            usage=options.usage,
            asked=options.asked,
            encoder=options.encoder,
            encoder_weights=options.encoder_weights,
            console=console,
            tell=new_bar("images"),
            hear=partial(_tell_wandb, opened, options.wandb),
        )
    write_report(opened.run)
    console.print(f"report:   {opened.run.report_file}")
    return 0


def _tell_wandb(opened: OpenRun, wanted: bool, found: Evaluated) -> None:
    if not wanted:
        return
    from trainer.evaluation.wandb_run import tell_wandb

    tell_wandb(opened, found)


def _score_images(options: EvaluateOptions) -> int:
    if options.images.labels is None:
        raise ConfigError("labels", None, "name the folder of true label images, or leave out --classes and --out.")
    if options != EvaluateOptions(run=options.run, images=options.images):
        what = "is of images without a run: use --classes and --out, and no other option, with it."
        raise ConfigError("labels", str(options.images.labels), what)
    return score_label_images(options.run, options.images)
